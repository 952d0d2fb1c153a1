"""Which environment variables may differ between a forkserver and a kernel that is forked from it.

An import may have read any variable, directly or by copying all of them, as fsspec does. So all
have to be equal but for those named here, which no import depends on. Where a variable is missing
here, the kernel is merely an ordinary one.
"""

from __future__ import annotations

from collections.abc import Mapping

from proofbook.kernels.thread_pools import APPLIED

__all__ = ["IRRELEVANT", "IRRELEVANT_PREFIXES", "differing"]

IRRELEVANT: Mapping[str, tuple[str, ...]] = {
    "each kernel sets it, or looks it up when it starts": (
        *("CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "GIT_PAGER", "IPYKERNEL_CELL_NAME"),
        "IPYTHONDIR",
        *("JPY_PARENT_PID", "JPY_SESSION_NAME", "MPLBACKEND", "PAGER", "PATH"),
        *("PYTEST_CURRENT_TEST", "PYTHONEXECUTABLE", "TERM", "TZ", "VIRTUAL_ENV"),
    ),
    "it is for Jupyter's client and server": (
        *("JUPYTER_CONFIG_DIR", "JUPYTER_CONFIG_PATH", "JUPYTER_DATA_DIR", "JUPYTER_PATH"),
        *("JUPYTER_DEFAULT_PROVISIONER_NAME", "JUPYTER_RUNTIME_DIR", "JUPYTER_SERVER_ROOT"),
        *("JUPYTER_SERVER_URL", "JUPYTER_TOKEN"),
    ),
    "it says where a shell was and how it looks": (
        *("HISTCONTROL", "HISTFILE", "HISTSIZE", "LESSCLOSE", "LESSOPEN", "LS_COLORS", "MAIL"),
        *("OLDPWD", "PROMPT_COMMAND", "PS1", "PS2", "PWD", "SHLVL", "VIRTUAL_ENV_PROMPT", "_"),
    ),
    "it is of a terminal or a desktop, which a kernel does not have": (
        *("COLORTERM", "COLUMNS", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "GPG_TTY", "LINES"),
        *("STY", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "TERM_SESSION_ID", "TMUX", "TMUX_PANE"),
        *("VTE_VERSION", "WAYLAND_DISPLAY", "WINDOWID", "XAUTHORITY", "XDG_SESSION_ID"),
    ),
    "it is for the tool that started the command": (
        *("INVOCATION_ID", "JOURNAL_STREAM", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES"),
        *("MAKE_TERMERR", "MAKE_TERMOUT", "MFLAGS", "PYTEST_ADDOPTS"),
    ),
}
"""Names by the reason why they cannot matter."""

IRRELEVANT_PREFIXES: Mapping[str, tuple[str, ...]] = {
    "read when it is used, and by this project alone": ("PROOFBOOK_",),
    "the debugger sets some of its own when it is imported": ("DEBUGPY_", "PYDEVD_"),
    "it is of a login or a terminal": (
        *("ALACRITTY_", "GNOME_TERMINAL_", "ITERM_", "KITTY_", "KONSOLE_", "SSH_", "VSCODE_"),
        *("WEZTERM_", "WT_"),
    ),
}

_NAMES = APPLIED | {name for names in IRRELEVANT.values() for name in names}
_PREFIXES = tuple(prefix for prefixes in IRRELEVANT_PREFIXES.values() for prefix in prefixes)
_GPUS = "CUDA_VISIBLE_DEVICES"
_NO_GPU = ("", "-1", "NoDevFiles")
_RAY_CLIENT = "RAY_CLIENT_MODE"


def differing(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """Return the variables in which ``theirs`` could have led to other imports, sorted."""
    names = {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    if _hides_gpus(ours) == _hides_gpus(theirs):
        # CUDA reads it when it is initialised, which no forkserver does. An import may only have
        # asked whether there is a GPU at all.
        names.discard(_GPUS)
    if ours.get(_RAY_CLIENT, "0") == theirs.get(_RAY_CLIENT, "0"):
        names.discard(_RAY_CLIENT)  # Ray sets it to 0, its default, in each process that imports it
    return sorted(name for name in names - _NAMES if not name.startswith(_PREFIXES))


def _hides_gpus(env: Mapping[str, str]) -> bool:
    return env.get(_GPUS, "0").split(",")[0].strip() in _NO_GPU
