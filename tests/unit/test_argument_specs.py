"""What a role's argument specs promise is what its defaults do."""

from pathlib import Path

import pytest
import yaml

ROLES = sorted(path for path in (Path(__file__).resolve().parents[2] / "roles").iterdir() if path.is_dir())


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


@pytest.fixture(params=ROLES, ids=lambda path: path.name)
def role(request):
    return request.param


def specs(role):
    return load(role / "meta" / "argument_specs.yml")["argument_specs"]


def defaults(role):
    file = role / "defaults" / "main.yml"
    return load(file) if file.exists() else {}


def test_both_entry_points_have_a_spec(role):
    assert {"main", "verify"} <= set(specs(role))
    assert (role / "tasks" / "verify.yml").is_file()


def test_every_default_has_an_option_and_every_option_a_default_or_is_required(role):
    documented = {name: option for entry in specs(role).values() for name, option in (entry.get("options") or {}).items()}
    given = defaults(role)
    assert set(given) - set(documented) == set()
    undecided = [name for name, option in documented.items() if name not in given and not option.get("required") and "default" in option]
    assert undecided == []


def test_a_default_stands_alike_in_spec_and_defaults(role):
    given = defaults(role)
    for entry in specs(role).values():
        for name, option in (entry.get("options") or {}).items():
            literal = name in given and not (isinstance(given[name], str) and "{{" in given[name])
            if literal and "default" in option:
                assert option["default"] == given[name], name
            elif literal and given[name] is not None and not option.get("required"):
                pytest.fail(f"{name}: the spec lacks the default {given[name]!r}")


def test_public_names_carry_the_role(role):
    names = set(defaults(role)) | {name for entry in specs(role).values() for name in entry.get("options") or {}}
    assert [name for name in names if not name.startswith(role.name + "_")] == []


def described(options, path):
    for name, option in (options or {}).items():
        text = option.get("description")
        text = " ".join(text) if isinstance(text, list) else str(text or "")
        yield f"{path}.{name}", text
        yield from described(option.get("options"), f"{path}.{name}")


def test_every_option_is_described_in_a_full_sentence(role):
    for entry, spec in specs(role).items():
        for path, text in described(spec.get("options"), entry):
            assert text.endswith("."), path
            assert text[:1].isupper() or not text[:1].isalpha(), path


def secret_options(options):
    for name, option in (options or {}).items():
        words = name.split("_")
        if {"password", "passphrase", "token"} & set(words) or name.endswith(("secret_key", "secrets")):
            yield name, option
        yield from secret_options(option.get("options"))


def test_secrets_are_not_logged(role):
    for spec in specs(role).values():
        for name, option in secret_options(spec.get("options")):
            assert option.get("no_log") is True, name
