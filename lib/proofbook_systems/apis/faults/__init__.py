"""What a client does when its server misbehaves: cases, how they are run, how they are judged."""
