---------------------------------------------------------------------------------------------------
-- Privileges
--
-- The functions run with the caller's rights. Everyone may look the functions up and use those that touch no table.
-- Nobody but the owner gets at the tables: docs/security.md has what to grant to whom.
---------------------------------------------------------------------------------------------------

GRANT USAGE ON SCHEMA pgml TO PUBLIC;
