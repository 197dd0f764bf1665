"""Makes the images of `images.py` with buildah, each once per content, and keeps them as archives outside the checkout.

An archive is named by the hash of everything that decides what is in it, so a second run takes what is there and a
changed line of the sources makes Tradewind's image again and no other. buildah runs without a daemon; in a mount
namespace of its own, so that nothing that it mounts outlives it, and with its store in the cache, so that the layers
with what others have written are made again only when the lock changes.

    python -m tests.node.image_building            makes what is missing and prints where each archive is
    python -m tests.node.image_building --twice    makes Tradewind's twice from nothing: are they the same bytes?
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.cluster.cache import locked, made_whole
from tests.cluster.pins import Progress
from tests.cluster.toolchain import find_programs
from tests.node.images import BASE, CHECKOUT, IMAGES, RECIPES, Image

PACKAGES = ("python3", "python3-venv", "ca-certificates")
"""What the base has besides Debian's smallest set."""

LEFT_OUT = ("./var/cache/apt", "./var/lib/apt/lists", "./usr/share/doc/*/*", "./usr/share/man", "./dev/*")
SUITE = "bookworm"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
"""The machine's, for builds that fetch packages: a company may have added its own."""


class ImageError(Exception):
    """An image cannot be made; the message has the end of what the builder said."""


def image_cache() -> Path:
    """Where archives are kept, outside of any checkout."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "tradewind" / "images"


def built_images(progress: Progress, images: Iterable[Image] = IMAGES) -> dict[str, Path]:
    """Name of an image -> its archive (docker-archive), for all of them; what is missing is made.

    Raises:
        ImageError: one cannot be made.
        ToolchainError: a program that is to be in one cannot be built.
    """
    cache = image_cache()
    with locked(cache / "images.lock", "images", progress):
        base = _base(cache, progress)
        return {image.name: _archive(image, base, progress) for image in images}


def _base(cache: Path, progress: Progress) -> Path:
    """The archive of the files of the base, made by debootstrap."""
    recipe = "\n".join([*PACKAGES, *LEFT_OUT, SUITE, (RECIPES / "base" / "Dockerfile").read_text()])
    folder = cache / f"base-{_digest([recipe.encode()])}"
    if not folder.is_dir():
        progress("making the base image by debootstrap: about a minute")
        with made_whole(folder) as unfinished:
            root = unfinished / "root"
            _run(["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root)])
            for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
                marker.unlink()
            left_out = [f"--exclude={pattern}" for pattern in LEFT_OUT]
            archive = ["tar", "--sort=name", "--numeric-owner", *left_out, "-C", str(root), "-cf"]
            _run([*archive, str(unfinished / "root.tar"), "."])
            shutil.copy(RECIPES / "base" / "Dockerfile", unfinished)
            shutil.rmtree(root)
    # By this name it is known that the store has the base of this recipe.
    exact = f"localhost/{folder.name}"
    if not _run(_buildah("images", "--quiet", "--filter", f"reference={exact}")).strip():
        tags = ["--tag", BASE, "--tag", exact]
        _run(_buildah("build", "--isolation", "chroot", "--timestamp", "0", *tags, str(folder)))
    return folder


def _archive(image: Image, base: Path, progress: Progress) -> Path:
    content = [base.name.encode(), image.name.encode(), *map(str.encode, image.arguments), *_contents(image)]
    program = None if image.tool is None else find_programs((image.tool,), progress)[image.tool.name]
    if program is not None:
        content.append(str(program).encode())  # its folder is named by its content
    short = image.name.rpartition("/")[2].replace(":", "-")
    folder = image_cache() / f"{short}-{_digest(content)}"
    if not folder.is_dir():
        progress(f"making {image.name}")
        started = time.monotonic()
        for older in sorted(folder.parent.glob(f"{short}-{'?' * 16}"), key=lambda one: one.stat().st_mtime)[:-2]:
            shutil.rmtree(older)
        with made_whole(folder) as unfinished, tempfile.TemporaryDirectory(dir=image_cache()) as scratch:
            context = _context(image, program, Path(scratch))
            build_image(image.name, context, *image.arguments)
            target = f"docker-archive:{unfinished / 'image.tar'}:{image.name}"
            _run(_buildah("push", image.name, target))
        progress(f"made {image.name} in {time.monotonic() - started:.0f} s")
    return folder / "image.tar"


def build_image(name: str, context: Path, *arguments: str) -> None:
    """Builds the Dockerfile in `context` as `name` into buildah's store, with further arguments of `buildah build`."""
    options = ["--isolation", "chroot", "--layers", "--timestamp", "0", "--pull-never"]
    authorities = ["--volume", f"{AUTHORITIES}:{AUTHORITIES}:ro"] if Path(AUTHORITIES).is_file() else []
    _run(_buildah("build", *options, *authorities, *arguments, "--tag", name, str(context)))


def layer_sizes(name: str) -> list[int]:
    """The sizes in bytes of the layers of an image of `IMAGES`, the base first, as its archive has them."""
    archive = built_images(lambda _: None)[name]
    with tarfile.open(archive) as content:
        manifest = content.extractfile("manifest.json")
        assert manifest is not None
        layers = json.load(manifest)[0]["Layers"]
        return [content.getmember(layer).size for layer in layers]


def _context(image: Image, program: Path | None, scratch: Path) -> Path:
    if program is None:
        return image.context
    context = scratch / "context"
    shutil.copytree(image.context, context)
    shutil.copy(program, context)
    return context


def _contents(image: Image) -> Iterator[bytes]:
    for source in image.sources:
        top = image.context / source
        for file in sorted([top] if top.is_file() else top.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                yield str(file.relative_to(image.context)).encode()
                yield file.read_bytes()


def _digest(parts: list[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]


def _buildah(*arguments: str) -> list[str]:
    store = image_cache() / "store"
    places = ["--root", str(store / "root"), "--runroot", str(store / "run"), "--storage-driver", "overlay"]
    return ["unshare", "--mount", "buildah", *places, *arguments]


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr)[-2000:].strip()
        raise ImageError(f"`{' '.join(command)}` ended with {done.returncode}:\n{said}")
    return done.stdout


def made_twice(progress: Progress) -> list[str]:
    """The digests of two images of this checkout, each made without what the builder keeps."""
    cache, digests = image_cache(), []
    with locked(cache / "images.lock", "images", progress), tempfile.TemporaryDirectory(dir=cache) as scratch:
        _base(cache, progress)
        for number in range(2):
            name, archive = "localhost/twice", Path(scratch) / f"{number}.tar"
            build_image(name, CHECKOUT, "--no-cache")
            _run(_buildah("push", name, f"docker-archive:{archive}:twice"))
            _run(_buildah("rmi", name))
            with archive.open("rb") as content:
                digests.append(hashlib.file_digest(content, "sha256").hexdigest())
            progress(f"image {number + 1}: {digests[-1]}")
    return digests


def main() -> int:
    """Makes what is missing, prints a line `IMAGE SIZE ARCHIVE` for each; with --twice 1 where two images differ."""
    if sys.argv[1:] == ["--twice"]:
        return int(len(set(made_twice(_say))) != 1)
    for name, archive in built_images(_say).items():
        sys.stdout.write(f"{name:<42} {archive.stat().st_size / 1e6:4.0f} MB  {archive}\n")
    return 0


def _say(line: str) -> None:
    sys.stderr.write(f"images: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
