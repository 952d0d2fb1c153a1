"""Judge a DreamBooth trainer, its pictures and its final model; any trainer that has them."""
