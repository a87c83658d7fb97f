"""The tree of watched directories: a directory's path is where it is now."""

from __future__ import annotations

from kbsync.watch.tree import Directory, Tree


def grown() -> tuple[Tree, dict[str, Directory]]:
    """A tree with the directories "", a, a/b, a/b/c and d."""
    tree = Tree()
    known = {"": Directory(1, 1, "")}
    tree.add(known[""])
    for number, path in enumerate(["a", "a/b", "a/b/c", "d"], start=2):
        parent, _, name = path.rpartition("/")
        known[path] = Directory(number, number, name)
        tree.add(known[path])
        tree.place(known[path], known[parent], name)
    return tree, known


def test_paths() -> None:
    """Each directory has its path below the root."""
    tree, known = grown()
    assert {path: tree.path(directory) for path, directory in known.items()} == {
        path: path for path in known
    }
    assert len(tree) == 5


def test_a_renamed_directory_takes_all_below_along() -> None:
    """Everything below a directory that was put elsewhere has its new path at once."""
    tree, known = grown()
    assert tree.place(known["a/b"], known["d"], "moved") is None
    assert tree.path(known["a/b/c"]) == "d/moved/c"
    assert known["a"].child("b") is None


def test_a_detached_directory_has_no_path() -> None:
    """What is in no place, and all below it, has no path."""
    tree, known = grown()
    tree.detach(known["a/b"])
    assert tree.path(known["a/b"]) is None
    assert tree.path(known["a/b/c"]) is None
    assert [each.name for each in known["a/b"].all()] == ["b", "c"]


def test_a_directory_in_the_place_of_another() -> None:
    """What was in a place before is given back, without a path."""
    tree, known = grown()
    assert tree.place(known["d"], known[""], "a") is known["a"]
    assert tree.path(known["d"]) == "a"
    assert tree.path(known["a/b"]) is None


def test_a_place_taken_again_is_left_alone_when_the_old_one_goes() -> None:
    """The end of a watch removes that directory, and not its successor of the same name."""
    tree, known = grown()
    successor = Directory(9, 9, "a")
    tree.add(successor)
    tree.place(successor, known[""], "a")
    tree.forget(known["a"].number)
    assert tree.path(successor) == "a"
    assert tree.get(known["a"].number) is None


def test_the_end_of_the_root() -> None:
    """When the root itself is gone, the tree says so."""
    tree, known = grown()
    assert tree.is_rooted
    tree.forget(known[""].number)
    assert not tree.is_rooted


def test_forgetting_what_is_not_known() -> None:
    """A number that was given back already changes nothing."""
    tree, _ = grown()
    tree.forget(99)
    assert len(tree) == 5
