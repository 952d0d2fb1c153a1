"""What speaks a line: eSpeak NG or Piper as programs of their own, or an endpoint."""
