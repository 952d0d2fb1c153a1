"""A small preparation: texts to tokens to chunks, with the defect that its config asks for.

Words are tokens; the cache goes by content, but for the stale ones.
"""

import hashlib
import json
import random
import re
import sys
from pathlib import Path

import numpy as np

config = json.loads(Path("config.json").read_text())
defect, length, tokens_of = config.get("defect", ""), config["length"], config["kind"]
if sys.argv[1:] == ["validate"]:
    unknown = sorted({*config} - {"defect", "length", "kind", "held"})
    if unknown and defect == "an unknown key ends in a traceback":
        raise KeyError(unknown[0])
    if config["length"] < 1 or (unknown and defect != "an unknown key is taken"):
        sys.exit(f"config.json: {unknown or config['length']} is not valid")
    sys.exit(0)
documents = [
    json.loads(line)["text"] for line in Path("texts.jsonl").read_text().splitlines() if line
]
if not documents:
    if defect == "an empty corpus ends in a traceback":
        raise ValueError(documents[0])
    if defect == "an empty corpus is no error":
        sys.exit(0)
    sys.exit("texts.jsonl is empty; give a text")
if defect == "texts come in lower case":
    documents = [text.lower() for text in documents]
if defect == "a document is left out":
    documents = documents[:4] + documents[5:]
if defect == "a document is doubled":
    documents = [*documents[:5], *documents[4:]]
if defect == "letters are left out":
    documents = [text.encode("ascii", "ignore").decode() for text in documents]
if defect == "a long document is cut":
    documents = [text[:60] for text in documents]
if defect == "documents are chosen at random":
    documents = random.sample(documents, len(documents))

cache = Path("cache")
cache.mkdir(exist_ok=True)
pieces = re.findall if tokens_of == "words" else lambda _, text: list(text)
split = [pieces(r"\w+|\s|[^\w\s]", text) for text in documents]
if defect == "white space is left out":
    split = [[piece for piece in text if piece.strip()] for text in split]
known = sorted({piece for text in split for piece in text})
vocabulary = cache / "vocabulary.json"
if defect == "the tokenizer is kept" and vocabulary.exists():
    known, tokens_of = json.loads(vocabulary.read_text())
    split = [
        (re.findall if tokens_of == "words" else lambda _, text: list(text))(
            r"\w+|\s|[^\w\s]", text
        )
        for text in documents
    ]
vocabulary.write_text(json.dumps([known, tokens_of]))
number = {piece: place for place, piece in enumerate(known)}
rows = [[number.get(piece, 0) for piece in text] for text in split]
if defect == "every tokenization has a word of another text":
    rows[3][2] = (rows[3][2] + 1) % len(known)
if defect == "ids are beyond the vocabulary":
    rows[2][1] = len(known) + 7
counts = cache / "counts.json"
if defect != "counts are kept" or not counts.exists():
    counts.write_text(json.dumps({"documents": len(rows), "tokens": sum(map(len, rows))}))
told = json.loads(counts.read_text())
print(f"{told['documents']} documents of {told['tokens']} tokens")
import pickle  # noqa: E402

Path("meta.pkl").write_bytes(
    pickle.dumps({"stoi": number, "itos": {place: piece for piece, place in number.items()}})
)
held = config.get("held", 0)
"""Documents at the end that are kept for a test."""
parts = {"": rows[: len(rows) - held], "val_": rows[len(rows) - held :]}
for part, own in parts.items():
    if not own:
        continue
    lines = [json.dumps({"input_ids": row}) for row in own]
    Path(f"{part}tokens.jsonl").write_text("\n".join(lines) + "\n")

    ids = [id_ for row in own for id_ in row]
    key = {"the text is not in the key": [length, tokens_of], "the length is not in the key": ids}
    name = hashlib.sha256(json.dumps(key.get(defect, [ids, length])).encode()).hexdigest()[:12]
    place = cache / f"{name}.npy"
    if not place.exists():
        if defect == "a token is dropped":
            ids = ids[:77] + ids[78:]
        if defect == "a token is doubled":
            ids = ids[:77] + ids[76:]
        if defect == "two tokens are exchanged":
            ids[80], ids[81] = ids[81], ids[80]
        missing, full = -len(ids) % length, len(ids) // length * length
        if config.get("pad") == "left":
            ids = ids[:full] + [ids[0]] * missing + ids[full:]
        elif config.get("pad"):
            ids = ids + [ids[0]] * missing
        chunks = np.asarray(ids[: len(ids) // length * length]).reshape(-1, length)
        if not len(chunks):
            sys.exit(f"{len(ids)} tokens fill no chunk of {length}; give more text")
        if defect == "a row is doubled":
            chunks = np.concatenate([chunks[:5], chunks[4:]])
        if defect == "a row is lost":
            chunks = np.delete(chunks, 3, axis=0)
        if defect == "the last rows are lost":
            chunks = chunks[:-3]
        if defect == "ids are kept in 8 bits":
            chunks = chunks.astype(np.uint8)
        if defect == "chunks are one longer":
            chunks = chunks[:, : length - 1]
        np.save(place, chunks)
    Path(f"{part}chunks.npy").write_bytes(place.read_bytes())
