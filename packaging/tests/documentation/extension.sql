-- The database of a page that has the extension from its beginning, and makes it again.
CREATE EXTENSION pgml;
