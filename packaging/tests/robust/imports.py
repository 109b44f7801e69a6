"""Files of models that lie, are too large, or come from somebody who must not import them.

`extension/exchange` has the readers, `docs/sql/exchange.md` the limits.
"""

import json
import struct

from session import Session, case, main

LEAF = 0xFFFFFFFF
PREDICTOR, IMPORTER, NOBODY = "pgml_import_reader", "pgml_importer", "pgml_import_nobody"


def text(*trees):
    """Return LightGBM's text of a model with two features."""
    head = (
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\n"
        "objective=regression\nfeature_names=a b\n\n"
    )
    blocks = "\n\n".join(f"Tree={place}\n{tree}" for place, tree in enumerate(trees))
    return f"{head}{blocks}\n\nend of trees\n"


STUMP = (
    "num_leaves=2\nnum_cat=0\nsplit_feature=0\nthreshold=0.5\ndecision_type=8\n"
    "left_child=-1\nright_child=-2\nleaf_value=1 2"
)


def call(form, file, project="imported"):
    """Return the statement that imports `file`, an SQL expression or bytes."""
    expression = f"'\\x{file.hex()}'::bytea" if isinstance(file, bytes) else file
    return f"SELECT pgml.import_model('{project}', 'regression', '{form}', {expression}, '{{a,b}}')"


def refused(session, statement, sqlstate, words):
    """Fail unless the statement fails in this way."""
    failed, seconds = session.failure(statement)
    assert failed.sqlstate == sqlstate and words in failed.message, f"{failed} instead of: {words}"
    return seconds


def prepare():
    """Make the extension and the roles."""
    with Session() as session:
        session.run("CREATE EXTENSION IF NOT EXISTS pgml")
        for role in (PREDICTOR, IMPORTER, NOBODY):
            if session.run(f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'"):
                session.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")
            session.run(f"CREATE ROLE {role} LOGIN")
        predict = "GRANT SELECT ON pgml.projects, pgml.deployments, pgml.models, pgml.files TO"
        session.run(
            f"{predict} {PREDICTOR}",
            f"GRANT SELECT, INSERT ON pgml.deployments, pgml.files TO {IMPORTER}",
            "GRANT SELECT, INSERT, UPDATE ON pgml.projects, pgml.models, pgml.snapshots "
            f"TO {IMPORTER}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA pgml TO {IMPORTER}",
        )


@case
def too_large_files_are_refused():
    """A file beyond 256 MB is refused before it is read"""
    with Session() as session:
        large = "decode(repeat('00', 268435457), 'hex')"
        seconds = refused(session, call("lightgbm", large), "54000", "the file has 268435457 bytes")
    return f"{seconds:.1f} s"


@case
def too_many_nodes_are_refused():
    """A file with more than 10 million nodes is refused, most of which nothing leads to"""
    nodes = 10_000_001

    def name(word):
        return b"U" + bytes([len(word)]) + word.encode()

    def number(word):
        return b"S" + name(word)

    # UBJSON: a tree whose lists are of bytes, and whose first node is a leaf.
    def listed(word, byte):
        head = name(word) + b"[$i#l" + struct.pack(">i", nodes)
        return f"'\\x{head.hex()}'::bytea || decode(repeat('{byte}', {nodes}), 'hex')"

    before = b"{" + name("learner") + b"{" + name("learner_model_param") + b"{"
    before += name("base_score") + number("0") + name("num_feature") + number("2") + b"}"
    before += name("objective") + b"{" + name("name") + number("reg:squarederror") + b"}"
    before += name("gradient_booster") + b"{" + name("name") + number("gbtree")
    before += name("model") + b"{" + name("tree_info") + b"[U\x00]" + name("trees") + b"[{"
    lists = [
        listed(word, byte)
        for word, byte in (
            ("left_children", "ff"),
            ("right_children", "ff"),
            ("split_indices", "00"),
            ("split_conditions", "01"),
            ("default_left", "00"),
        )
    ]
    after = name("tree_param") + b"{}}]}}}}"
    file = " || ".join([f"'\\x{before.hex()}'::bytea", *lists, f"'\\x{after.hex()}'::bytea"])
    with Session() as session:
        seconds = refused(
            session, call("xgboost", file), "22000", "more than 10000000 nodes in all"
        )
    return f"{seconds:.1f} s"


def container(levels):
    """Return a file of our own with one tree of so many levels, each split with a leaf."""
    feature, left, right, values = [], [], [], []
    for level in range(levels):
        feature += [0, LEAF]
        left += [2 * level + 1, len(values)]
        right += [2 * level + 2, 0]
        values.append(float(level))
    feature.append(LEAF)
    left.append(len(values))
    right.append(0)
    values.append(-1.0)
    tensors = {
        "0.feature": ("U32", feature),
        "0.threshold": ("F64", [0.0] * len(feature)),
        "0.left": ("U32", left),
        "0.right": ("U32", right),
        "0.values": ("F64", values),
        "0.roots": ("U32", [0]),
        "0.targets": ("U32", [0]),
        "0.init": ("F64", [0.0]),
    }
    scores = {"kind": "trees", "input": "float64", "compare": "not_above", "width": 1}
    scores["combine"] = {"kind": "sum", "divisor": None, "single": False}
    part = {"scores": scores, "finish": {"kind": "values", "link": "identity"}}
    described = {"version": 1, "made_by": "a test", "features": 2, "parts": [part]}
    header, data = {"__metadata__": {"pgml": json.dumps(described)}}, b""
    for name, (kind, numbers) in tensors.items():
        packed = struct.pack(f"<{len(numbers)}{'I' if kind == 'U32' else 'd'}", *numbers)
        bounds = [len(data), len(data) + len(packed)]
        header[name] = {"dtype": kind, "shape": [len(numbers)], "data_offsets": bounds}
        data += packed
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head + data


@case
def too_deep_trees_are_refused():
    """A tree of more than 1,024 levels is refused, in another's form and in our own"""
    levels = 1100
    row = " ".join("0" for _ in range(levels))
    tree = (
        f"num_leaves={levels + 1}\nnum_cat=0\nsplit_feature={row}\nthreshold={row}\n"
        f"decision_type={row}\nleft_child={' '.join(str(-1 - at) for at in range(levels))}\n"
        f"right_child={' '.join(str(at + 1) for at in range(levels - 1))} {-1 - levels}\n"
        f"leaf_value={row} 0"
    )
    with Session() as session:
        session.run(call("pgml", container(1000), "not too deep"))
        refused(
            session, call("lightgbm", text(tree).encode()), "22000", "more than 1024 levels deep"
        )
        refused(session, call("pgml", container(levels)), "54000", "1100 levels in a tree")


@case
def lengths_that_lie_are_refused():
    """Lengths that no file has are refused where they stand, whatever they announce"""
    with Session() as session:
        lie = b"{L" + struct.pack(">q", 1 << 62)
        refused(session, call("xgboost", lie), "22000", "byte 10: a length of 4611686018427387904")
        onnx = b"\x3a" + b"\x80" * 8 + b"\x40"
        refused(session, call("onnx", onnx), "22000", "byte 0: a field is longer than what it is")
        # A million operators of two bytes each take hundreds of megabytes once they are read.
        nodes = 1_000_000
        length = bytes([0x80 | nodes * 2 & 0x7F, 0x80 | nodes * 2 >> 7 & 0x7F, nodes * 2 >> 14])
        many = f"'\\x{(b':' + length).hex()}'::bytea || decode(repeat('0a00', {nodes}), 'hex')"
        refused(session, call("onnx", many), "54000", "fields and more")


@case
def sets_of_categories_are_each_of_one_split():
    """Sets that share their categories are refused: a small file would become a large model"""
    shared = (
        "num_leaves=3\nnum_cat=3\ncat_boundaries=0 2 0 2\ncat_threshold=7 7\nsplit_feature=0 1\n"
        "threshold=0 2\ndecision_type=1 1\nleft_child=1 -1\nright_child=-2 -3\nleaf_value=1 2 3"
    )
    tree = {
        "left_children": [1, -1, 3, -1, -1],
        "right_children": [2, -1, 4, -1, -1],
        "split_indices": [0, 0, 1, 0, 0],
        "split_conditions": [0, 1, 0, 2, 3],
        "default_left": [0] * 5,
        "split_type": [1, 0, 1, 0, 0],
        "categories": [1, 2],
        "categories_nodes": [0, 2],
        "categories_segments": [0, 0],
        "categories_sizes": [2, 2],
        "tree_param": {},
    }
    learner = {
        "learner_model_param": {"base_score": "0", "num_feature": "2"},
        "objective": {"name": "reg:squarederror"},
        "gradient_booster": {"name": "gbtree", "model": {"tree_info": [0], "trees": [tree]}},
    }
    with Session() as session:
        refused(session, call("lightgbm", text(shared).encode()), "22000", "do not ascend")
        file = json.dumps({"learner": learner}).encode()
        refused(session, call("xgboost", file), "22000", "are those of another node, too")
        tree["categories"], tree["categories_segments"] = [1, 2, 0, 1], [0, 2]
        session.run(call("xgboost", json.dumps({"learner": learner}).encode(), "categories"))


@case
def leaves_that_are_no_numbers_are_refused():
    """A leaf that is infinite or NaN is refused, with its place"""
    with Session() as session:
        for number in ("inf", "nan", "1e999"):
            tree = STUMP.replace("leaf_value=1 2", f"leaf_value=1 {number}")
            words = "tree 1: node 2 is a leaf that is no finite number"
            refused(session, call("lightgbm", text(STUMP, tree).encode()), "22000", words)


@case
def changed_bytes_of_an_imported_model_are_not_read():
    """An imported model is sealed: a leaf that is changed in the table is not predicted with"""
    with Session() as session:
        model = session.run(call("lightgbm", text(STUMP).encode(), "sealed"))[0]
        predict = f"SELECT pgml.predict({model}::bigint, '{{0,0}}'::float8[])"
        assert session.run(predict) == ["1"]
        session.run(
            "UPDATE pgml.files SET data = set_byte(data, length(data) - 100, "
            f"1 - sign(get_byte(data, length(data) - 100))::int) WHERE model_id = {model} "
            "AND path LIKE '%safetensors'"
        )
        refused(session, predict, "55000", "not as this database stored it")


@case
def importing_is_granted_as_training_is():
    """Who may not train may not import; who may train may, and predicts with it"""
    file = text(STUMP).encode()
    for role in (NOBODY, PREDICTOR):
        with Session(role=role) as session:
            refused(session, call("lightgbm", file, role), "42501", "permission denied")
    with Session(role=IMPORTER) as session:
        model = session.run(call("lightgbm", file, IMPORTER))[0]
        predict = f"SELECT pgml.predict({model}::bigint, '{{1,0}}'::float8[])"
        assert session.run(predict) == ["2"]


prepare()
main()
