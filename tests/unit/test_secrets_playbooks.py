"""The playbooks themselves, run on this machine: where secrets are written, and where they are not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import COLLECTIONS

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
ANSWERS = {
    "init_environment": "production",
    "init_host": "deploy@203.0.113.7",
    "init_domains": "shop.example.org",
    "init_source": "/home/ada/shop",
    "init_settings_module": "shop.settings",
    "init_email": "ada@example.org",
}
WRITTEN = [".gitignore", ".vault-password", "hosts.yml", "secrets.yml"]


def play(folder, *words, **environment):
    """One run of Ansible in a folder: its status and all it said, in one line."""
    own = {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)} if COLLECTIONS.is_dir() else {}
    own |= {"PWD": str(folder), "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"), "ANSIBLE_NOCOLOR": "1"}
    command = [sys.executable, "-m", "ansible", *map(str, words)]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **own, **environment}, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def init(folder):
    return play(folder, "playbook", PLAYBOOKS / "init.yml", "--extra-vars", json.dumps(ANSWERS))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    status, said = init(folder)
    assert status == 0, said
    return folder / "inventories" / "production", said


def test_init_writes_files_that_a_look_at_the_directory_keeps_to_itself(made):
    folder, said = made
    assert sorted(path.name for path in folder.iterdir()) == WRITTEN
    assert (folder / ".gitignore").read_text() == ".vault-password\n"
    assert (folder / ".vault-password").stat().st_mode & 0o777 == 0o600
    site = "site.yml" if (PLAYBOOKS.parent / "galaxy.yml").is_file() else "prodready.django.site"
    assert f"ansible-playbook -i {folder}/hosts.yml {site} --check" in said
    _status, listed = play(folder, "inventory", "-i", folder, "--list")
    assert '"hosts": [ "shop" ]' in listed
    assert (folder / ".vault-password").read_text().strip() not in listed


@pytest.mark.parametrize("there", [[".vault-password"], [".gitignore", "hosts.yml", "secrets.yml"]])
def test_init_overwrites_nothing(tmp_path, there):
    folder = tmp_path / "inventories" / "production"
    folder.mkdir(parents=True)
    for name in there:
        (folder / name).write_text("mine")
    status, said = init(tmp_path)
    assert status != 0
    assert "expected none of the files that init writes. Nothing was written." in said
    assert all(name in said for name in there)
    assert {path.name: path.read_text() for path in folder.iterdir()} == dict.fromkeys(there, "mine")


def test_a_directory_with_secrets_in_it_is_refused_as_inventory(made):
    folder, _said = made
    for words in (["begin.yml"], ["rotate.yml", "-e", "rotate=all"]):
        status, said = play(folder, "playbook", "-i", "./", PLAYBOOKS / words[0], *words[1:])
        assert status != 0
        assert f"Say -i {folder}/hosts.yml" in said


READING = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.setup: {gather_subset: ["!all", "!min", "python"]}
    - ansible.builtin.include_tasks: PLAYBOOKS/tasks/secrets.yml
    - ansible.builtin.assert: {that: "prodready_secrets.shop.secret_key == 'first {{ hunter22 }}'"}
    - ansible.builtin.copy: {dest: "{{ __secrets_file }}", content: "prodready_secrets: {shop: {secret_key: second hunter22}}", mode: "0600"}
      no_log: true
    - ansible.builtin.include_tasks: PLAYBOOKS/tasks/secrets.yml
    - ansible.builtin.assert: {that: prodready_secrets.shop.secret_key == 'second hunter22'}
"""


def test_secrets_are_read_again_and_never_kept_in_a_fact_cache(tmp_path):
    (tmp_path / "secrets.yml").write_text("prodready_secrets: {shop: {secret_key: 'first {{ hunter22 }}'}}\n")
    (tmp_path / "reading.yml").write_text(
        READING.replace("PLAYBOOKS", str(PLAYBOOKS)).replace("'first {{ hunter22 }}'", "'first {' ~ '{ hunter22 }' ~ '}'")
    )
    cache = tmp_path / "cache"
    variables = {
        "__secrets_file": str(tmp_path / "secrets.yml"),
        "__password_file": str(tmp_path / "none"),
        "ansible_python_interpreter": sys.executable,
    }
    status, said = play(
        *(tmp_path, "playbook", "-vvv", "-i", "localhost,", "-c", "local", tmp_path / "reading.yml", "-e", json.dumps(variables)),
        ANSIBLE_CACHE_PLUGIN="jsonfile",
        ANSIBLE_CACHE_PLUGIN_CONNECTION=str(cache),
    )
    assert status == 0, said
    kept = [path.read_text() for path in cache.iterdir()]
    assert kept
    assert "ansible_python" in "".join(kept)
    assert "hunter22" not in "".join(kept)
    assert "prodready_secrets" not in "".join(kept)
