"""What a file of results says of where it comes from."""

import subprocess

import pytest

from tritone.common.origin import commit, origin, processor


@pytest.fixture
def repository(tmp_path):
    """A repository with one commit of one file."""
    def git(*arguments):
        return subprocess.run(["git", "-C", str(tmp_path), "-c", "user.name=a", "-c",
                               "user.email=a@example.org", *arguments], capture_output=True,
                              text=True, check=True).stdout.strip()

    git("init", "-q")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-qm", "one")
    return tmp_path, git("rev-parse", "HEAD")[:10]


def test_a_clean_tree_is_its_commit(repository):
    folder, head = repository
    assert commit(folder) == head
    (folder / "untracked").write_text("2")
    assert commit(folder) == head


def test_a_changed_tree_says_so(repository):
    folder, head = repository
    (folder / "file").write_text("2")
    assert commit(folder) == head + "+"


def test_outside_of_a_repository_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit(tmp_path) == ""


def test_a_command_can_be_pasted():
    assert origin("python", "x.py", "--prompt", "a b")["command"] == "python x.py --prompt 'a b'"
    assert processor()
