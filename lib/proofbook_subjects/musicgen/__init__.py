"""Tiny and full-size random MusicGens, in transformers' format and in audiocraft's."""
