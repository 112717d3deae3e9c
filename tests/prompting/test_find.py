from pathlib import Path

import pytest

from llmgine_cli.errors import NotFoundError, PromptError
from llmgine_cli.prompting.find import available, find, locate, prompt_folders


@pytest.fixture
def folders(tmp_path: Path) -> list[tuple[str, Path]]:
    made = [(origin, tmp_path / origin) for origin in ("project", "user", "bundled")]
    for _, folder in made:
        folder.mkdir()
    return made


def write(path: Path, text: str = "Hi") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_first_folder_that_has_the_name_wins(folders: list[tuple[str, Path]]) -> None:
    bundled = write(folders[2][1] / "greet.md")
    assert locate("greet", folders) == ("bundled", bundled)
    project = write(folders[0][1] / "greet.md", "Hello")
    assert locate("greet", folders) == ("project", project)
    assert find("greet", folders).source == "Hello"


def test_a_name_may_lead_into_a_folder(folders: list[tuple[str, Path]]) -> None:
    file = write(folders[1][1] / "work" / "mail.md")
    assert locate("work/mail", folders) == ("user", file)
    assert locate("work/mail.md", folders) == ("user", file)


@pytest.mark.parametrize("name", ["./mine.md", "sub/mine.md", "mine.md"])
def test_a_path_is_read_where_it_is(folders: list[tuple[str, Path]], name: str) -> None:
    write(Path.cwd() / name)
    assert locate(name, folders) == ("argument", Path(name))


def test_an_absolute_path_and_the_home_sign_are_paths(
    folders: list[tuple[str, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "mine.txt")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate(str(file), folders) == ("argument", file)
    assert locate("~/mine.txt", folders) == ("argument", file)


def test_an_unknown_name_is_an_error_with_a_near_miss(folders: list[tuple[str, Path]]) -> None:
    write(folders[1][1] / "translate.md")
    with pytest.raises(NotFoundError) as raised:
        find("translat", folders)
    assert str(raised.value) == "no prompt named 'translat'"
    assert raised.value.hint == "did you mean translate?"


def test_a_path_that_is_not_there_is_an_error(folders: list[tuple[str, Path]]) -> None:
    with pytest.raises(NotFoundError, match=r"no prompt file named '\./nowhere\.md'"):
        find("./nowhere.md", folders)


@pytest.mark.parametrize(
    "name", ["a/../../secret", "a//b", "", "a/", "a\\b", "a/.hidden", "a\0b", "c:secret", "x/../greet", "a/./b"]
)
def test_a_name_never_leads_out_of_the_folders(folders: list[tuple[str, Path]], name: str) -> None:
    write(folders[0][1].parent / "secret.md")
    write(folders[0][1] / "a" / "b.md")
    with pytest.raises(PromptError, match="is no name of a prompt"):
        find(name, folders)


def test_a_link_out_of_a_projects_folder_is_refused(folders: list[tuple[str, Path]], tmp_path: Path) -> None:
    secret = write(tmp_path / "private" / "secret.md", "the key")
    (folders[0][1] / "innocent.md").symlink_to(secret)
    (folders[0][1] / "linked").symlink_to(secret.parent)
    for name in ("innocent", "linked/secret"):
        with pytest.raises(PromptError, match="a link that leads out of its folder"):
            find(name, folders)
    (listed,) = [listed for listed in available(folders) if listed.name == "innocent"]
    assert listed.template is None
    assert "leads out" in (listed.problem or "")


def test_users_may_link_their_own_files_into_their_own_folder(folders: list[tuple[str, Path]], tmp_path: Path) -> None:
    (folders[1][1] / "mine.md").symlink_to(write(tmp_path / "dotfiles" / "mine.md", "Hi"))
    assert find("mine", folders).source == "Hi"


def test_the_list_has_each_name_once_with_the_folder_that_wins(folders: list[tuple[str, Path]]) -> None:
    write(folders[0][1] / "b.md", "project")
    write(folders[1][1] / "b.md", "user")
    write(folders[2][1] / "a" / "c.md")
    write(folders[2][1] / "notes.txt")
    write(folders[2][1] / ".hidden.md")
    listed = available(folders)
    assert [(entry.name, entry.origin) for entry in listed] == [("a/c", "bundled"), ("b", "project")]


def test_a_broken_prompt_is_listed_with_its_problem(folders: list[tuple[str, Path]]) -> None:
    write(folders[0][1] / "bad.md", "---\nmodle: x\n---\n")
    write(folders[0][1] / "good.md")
    bad, good = available(folders)
    assert bad.template is None
    assert "unknown key modle" in (bad.problem or "")
    assert good.problem is None


def test_what_is_no_regular_file_is_no_prompt(folders: list[tuple[str, Path]]) -> None:
    import os

    os.mkfifo(folders[0][1] / "pipe.md")  # reading it would wait for ever
    (folders[0][1] / "folder.md").mkdir()
    assert available(folders) == []
    with pytest.raises(NotFoundError):
        find("pipe", folders)


def test_folders_that_are_not_there_are_no_error(tmp_path: Path) -> None:
    assert available([("project", tmp_path / "nowhere")]) == []


def test_the_folders_are_the_projects_the_users_and_ours(home: Path) -> None:
    assert [(origin) for origin, _ in prompt_folders()] == ["user", "bundled"]
    (Path.cwd() / "prompts").mkdir()
    project, user, bundled = prompt_folders()
    assert project == ("project", Path.cwd().resolve() / "prompts")
    assert user == ("user", home / "config" / "prompts")
    assert (bundled[1] / "pirate.md").is_file()


def test_every_prompt_that_ships_can_be_read_and_filled_in() -> None:
    shipped = available(prompt_folders())
    assert len(shipped) >= 5
    for listed in shipped:
        assert listed.problem is None
        assert listed.template is not None
        assert listed.template.description
        rendered = listed.template.fill({}, "the text", strict=True)
        assert "the text" in rendered.messages[-1].text
        assert rendered.system
