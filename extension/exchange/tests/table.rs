//! The page of the documentation has the table that `packaging/tests/exchange.py` compares with what the server exports.

#[test]
fn the_page_has_the_table_that_is_tested() {
    let read = |path: &str| {
        let path = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let (page, table) = (read("docs/sql/exchange.md"), read("packaging/tests/exchange-table.md"));
    assert!(table.lines().count() > 10 && page.contains(&table), "the table of the page is another one:\n{table}");
}
