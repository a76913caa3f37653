"""A rotation in the file itself: encrypted as before, the old file kept until all is in force, never begun twice."""

from types import SimpleNamespace

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.parsing.vault import VaultLib, VaultSecret, is_encrypted
from ansible_collections.prodready.django.plugins.action.secrets_file import ActionModule
from ansible_collections.prodready.django.plugins.plugin_utils._verdict import ChecklistError

TEXT = b'prodready_secrets:\n  shop:\n    secret_key: "old"  # keep me\n    redis_password: r\n'
PASSWORD = b"the vault password"
VAULT = VaultLib([("default", VaultSecret(PASSWORD))])
ASKED = {"rotate": "secret_key", "apps": ["shop"], "keep_fallbacks": 2, "redis_elsewhere": []}


def action(check_mode=False):
    found = object.__new__(ActionModule)
    found._task = SimpleNamespace(check_mode=check_mode)
    found._loader = SimpleNamespace(_vault=VaultLib([]))
    return found


@pytest.fixture(params=[True, False], ids=["encrypted", "plain"])
def inventory(request, tmp_path):
    (tmp_path / ".vault-password").write_bytes(PASSWORD + b"\n")
    file = tmp_path / "secrets.yml"
    file.write_bytes(VAULT.encrypt(TEXT, VaultSecret(PASSWORD), vault_id="prod") if request.param else TEXT)
    file.chmod(0o600)
    return SimpleNamespace(file=file, password=tmp_path / ".vault-password", encrypted=request.param)


def read(path):
    content = path.read_bytes()
    return VAULT.decrypt(content) if is_encrypted(content) else content


def test_the_file_is_rewritten_in_its_own_form_and_the_old_one_kept(inventory):
    before = inventory.file.read_bytes()
    result = action()._rotate(inventory.file, inventory.password, ASKED)
    content = inventory.file.read_bytes()
    assert (result["changed"], result["resumed"], result["rotated"]) == (True, False, {"shop": ["secret_key"]})
    assert is_encrypted(content) is inventory.encrypted
    assert not inventory.encrypted or content.split(b"\n")[0] == before.split(b"\n")[0]
    assert inventory.file.stat().st_mode & 0o777 == 0o600
    found = yaml.safe_load(read(inventory.file))["prodready_secrets"]["shop"]
    assert found["secret_key"] != "old"
    assert (found["secret_key_fallbacks"], found["redis_password"]) == (["old"], "r")
    assert b"# keep me" in read(inventory.file)
    kept = inventory.file.with_name(".secrets.yml.before-rotation")
    assert kept.read_bytes() == before
    assert kept.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in inventory.file.parent.iterdir()) == [".secrets.yml.before-rotation", ".vault-password", "secrets.yml"]


def test_a_rotation_that_was_begun_is_gone_on_with(inventory):
    action()._rotate(inventory.file, inventory.password, ASKED)
    begun = inventory.file.read_bytes()
    result = action()._rotate(inventory.file, inventory.password, ASKED)
    assert (result["changed"], result["resumed"], result["rotated"]) == (False, True, {"shop": ["secret_key"]})
    assert inventory.file.read_bytes() == begun


def test_more_than_what_was_begun_is_refused(inventory):
    action()._rotate(inventory.file, inventory.password, ASKED)
    begun = inventory.file.read_bytes()
    with pytest.raises(ChecklistError, match="a rotation of secret_key of shop was begun and is not finished, but redis_password of shop was asked"):
        action()._rotate(inventory.file, inventory.password, {**ASKED, "rotate": "all"})
    assert inventory.file.read_bytes() == begun


def test_a_run_that_ended_between_the_two_files_has_begun_nothing(inventory):
    inventory.file.with_name(".secrets.yml.before-rotation").write_bytes(inventory.file.read_bytes())
    result = action()._rotate(inventory.file, inventory.password, ASKED)
    assert (result["changed"], result["resumed"], result["rotated"]) == (True, False, {"shop": ["secret_key"]})


def test_once_settled_another_may_begin(inventory):
    action()._rotate(inventory.file, inventory.password, ASKED)
    assert action()._settle(inventory.file) == {"changed": True}
    assert action()._settle(inventory.file) == {"changed": False}
    assert action()._rotate(inventory.file, inventory.password, ASKED)["resumed"] is False
    assert len(yaml.safe_load(read(inventory.file))["prodready_secrets"]["shop"]["secret_key_fallbacks"]) == 2


def test_check_mode_says_what_and_writes_nothing(inventory):
    before = inventory.file.read_bytes()
    assert action(check_mode=True)._rotate(inventory.file, inventory.password, ASKED)["rotated"] == {"shop": ["secret_key"]}
    assert inventory.file.read_bytes() == before
    assert not inventory.file.with_name(".secrets.yml.before-rotation").exists()


def test_no_result_says_a_secret(inventory):
    result = action()._rotate(inventory.file, inventory.password, ASKED)
    secret = yaml.safe_load(read(inventory.file))["prodready_secrets"]["shop"]["secret_key"]
    assert secret not in repr(result)
    assert "old" not in repr(result["rotated"])


def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(AnsibleActionFail, match="does not exist"):
        action()._open(tmp_path / "secrets.yml", tmp_path / ".vault-password")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b'prodready_secrets:\n  shop:\n    secret_key: "hunter22" tail\n', " at line 3, column 28"),
        (b"prodready_secrets:\n  shop: {secret_key: *hunter22}\n", " at line 2, column 22"),
        (b"prodready_secrets:\n  shop: !hunter22 x\n", " at line 2, column 9"),
        (b"prodready_secrets:\n  shop: hunter22\n secret_key: x\n", " at line 3, column 2"),
        ("prodready_secrets:\n  shöp: hunter22\x07\n".encode(), " at line 2, column 17"),
        (b"prodready_secrets:\n  shop: hunter22\xff\n", " at line 2, column 17"),
        (b"prodready_secrets: {shop: 2001-22-22}\n", ""),
    ],
)
def test_a_slip_in_the_file_is_said_by_its_place_alone(tmp_path, text, place):
    with pytest.raises(AnsibleActionFail, match=f"found .*secrets.yml not readable as YAML{place}, expected a mapping") as caught:
        action()._secrets(tmp_path / "secrets.yml", text)
    assert "22" not in str(caught.value).replace(str(tmp_path), "").replace("column 22", "")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("text", [b"", b"- a\n", b"just text\n", b"prodready_secrets: [a]\n", b"other: {}\n"])
def test_a_file_without_the_mapping_says_that(tmp_path, text):
    with pytest.raises(AnsibleActionFail, match="has no mapping 'prodready_secrets'"):
        action()._secrets(tmp_path / "secrets.yml", text)
