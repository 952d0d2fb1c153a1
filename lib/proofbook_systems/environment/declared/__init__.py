"""What a project declares to need, in whichever files it does so; nothing is run or installed."""
