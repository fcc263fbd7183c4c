"""Optional dependencies as pip reads them."""

import tomllib

from packaging.requirements import Requirement

from tests.root import ROOT

PLATFORMS = {
    "Linux": ({"sys_platform": "linux", "platform_machine": "x86_64", "python_version": "3.12"}, True),
    "Windows": ({"sys_platform": "win32", "platform_machine": "AMD64", "python_version": "3.11"}, True),
    "macOS": ({"sys_platform": "darwin", "platform_machine": "x86_64", "python_version": "3.12"}, False),
    "ARM": ({"sys_platform": "linux", "platform_machine": "aarch64", "python_version": "3.12"}, False),
    "Python 3.14": ({"sys_platform": "linux", "platform_machine": "x86_64", "python_version": "3.14"}, False),
}


def test_tensorrt_is_asked_for_only_where_its_wheels_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, package in (("tensorrt", "torch-tensorrt"), ("tensorrt-rtx", "torch-tensorrt-rtx")):
        (text,) = extras[extra]
        requirement = Requirement(text)
        assert requirement.name == package
        assert "2.13.0" in requirement.specifier
        assert "2.14.0" not in requirement.specifier
        assert requirement.marker is not None
        for name, (environment, wanted) in PLATFORMS.items():
            assert requirement.marker.evaluate(environment) == wanted, name
