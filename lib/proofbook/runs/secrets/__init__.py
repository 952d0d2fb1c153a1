"""What a secret is: which variables hold one, which texts are one, and how one may be spelled.

Tables of rules, and pure functions over names and texts. Knows nothing about files, notebooks or
what becomes of a secret that was found.
"""
