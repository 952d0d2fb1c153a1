"""Checklists that a team walks through by hand: a machine checks what it can, and asks the rest."""
