"""Checks a published log with nothing of ours: the words of RFC 9162 and Python's standard library.

    other.py root FOLDER        the root of the entries of FOLDER (checkpoint, tile/entries/...) is the one in its checkpoint
    other.py inclusion FILE     every event of a proof, as the hub gives it to an office, is in the tree of its checkpoint

The signature of the checkpoint is checked elsewhere (openssl): the standard library has no Ed25519.
"""
import base64
import hashlib
import json
import pathlib
import sys


def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_hash(leaves):
    """RFC 9162 2.1.1: k is the largest power of two smaller than n."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(tree_hash(leaves[:k]), tree_hash(leaves[k:]))


def is_included(leaf_index, tree_size, path, leaf, root):
    """RFC 9162 2.1.3.2, step by step."""
    if leaf_index >= tree_size:
        return False
    fn, sn, r = leaf_index, tree_size - 1, leaf
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def read_checkpoint(text):
    origin, size, root = text.split("\n")[:3]
    return origin, int(size), base64.b64decode(root, validate=True)


def bundle_path(number, width):
    groups = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03}")
    return "tile/entries/" + "/".join(groups) + ("" if width == 256 else f".p/{width}")


def entries(folder, size):
    for number in range((size + 255) // 256):
        data = (folder / bundle_path(number, min(256, size - number * 256))).read_bytes()
        while data:
            length = int.from_bytes(data[:2], "big")
            yield data[2:2 + length]
            data = data[2 + length:]


def root(folder):
    folder = pathlib.Path(folder)
    origin, size, signed = read_checkpoint((folder / "checkpoint").read_text("utf-8"))
    leaves = [leaf_hash(entry) for entry in entries(folder, size)]
    assert len(leaves) == size, f"{len(leaves)} entries, not {size}"
    assert tree_hash(leaves) == signed, "the entries lead to another root"
    print(origin, size, base64.b64encode(signed).decode())


def inclusion(file):
    proof = json.loads(pathlib.Path(file).read_text("utf-8"))
    _, size, signed = read_checkpoint(proof["checkpoint"])
    assert proof["events"], "no events"
    for event in proof["events"]:
        leaf = base64.b64decode(event["leaf"], validate=True)
        path = [base64.b64decode(step, validate=True) for step in event["inclusion"]]
        assert is_included(event["position"], size, path, leaf_hash(leaf), signed), f"{event['position']} is not included"
        if event.get("detail") is not None:
            opened = base64.b64decode(event["salt"]) + base64.b64decode(event["detail"])
            assert leaf.endswith(hashlib.sha256(opened).digest()), "the detail is not the one committed to"
        print("included", event["position"])


if __name__ == "__main__":
    {"root": root, "inclusion": inclusion}[sys.argv[1]](sys.argv[2])
