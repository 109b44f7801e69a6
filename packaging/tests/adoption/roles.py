"""The roles that users of an old database have, and what each may do."""

from server import psql, query

ROLES = ("pgml_test_app", "pgml_test_analyst", "pgml_test_owner", "pgml_test_nobody")


def answers(statements):
    """Tell what each role may do: the SQLSTATE of what it may not."""
    found = {}
    for role in ROLES:
        for statement in statements:
            script = (
                "\\set VERBOSITY sqlstate\n"
                f"BEGIN; SET LOCAL ROLE {role};\n{statement};\nROLLBACK;\n"
            )
            done = psql(script=script)
            refused = "42501" in done.stderr
            found[role, statement] = "refused" if refused else "allowed"
    return found


def forget():
    """Roles are the server's, and outlive this database."""
    owned = ", ".join(ROLES)
    query(
        f"REASSIGN OWNED BY {owned} TO CURRENT_USER",
        f"DROP OWNED BY {owned}",
        f"DROP ROLE {owned}",
    )
