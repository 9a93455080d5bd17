"""Container images without a registry: archives that `ctr images import` takes."""

import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

OWN = {"uid": 0, "gid": 0, "uname": "", "gname": "", "mtime": 0}


def of_folder(root, names, archive, config):
    """The folder as an image of one layer, under all these names."""
    with tempfile.TemporaryDirectory() as folder:
        layer = Path(folder, "layer.tar")
        with tarfile.open(layer, "w") as tar:
            tar.add(root, ".", filter=lambda member: _as_root(member))
        digest = hashlib.sha256(layer.read_bytes()).hexdigest()
        parts = {"config.json": {"architecture": "amd64", "os": "linux", "config": config,
                                 "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}},
                 "manifest.json": [{"Config": "config.json", "RepoTags": list(names), "Layers": ["layer.tar"]}]}
        for name, content in parts.items():
            Path(folder, name).write_text(json.dumps(content))
        with tarfile.open(archive, "w") as tar:
            for name in ("layer.tar", *parts):
                tar.add(Path(folder, name), name)


def of_program(program, names, archive, config):
    """The program with the libraries that it needs."""
    said = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    # "name => /path (address)", and the loader as "/path (address)".
    libraries = re.findall(r"(?:=> |^\s*)(/\S+) \(", said, re.M)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "root")
        for source, target in ((program, "/app"), *((library, library) for library in libraries)):
            file = root / target.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(Path(source).read_bytes())
            file.chmod(0o755)
        root.chmod(0o755)
        of_folder(root, names, archive, config | {"Entrypoint": ["/app"]})


def _as_root(member):
    for name, value in OWN.items():
        setattr(member, name, value)
    return member
