//! Text that goes into SQL: identifiers, and arrays in Postgres's own notation.

/// An identifier, always quoted: `a"b` becomes `"a""b"`.
pub fn quote_ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Values as an array literal of the given shape: `{{1,2},{3,4}}` for four values of shape 2 by 2.
pub fn array_literal(values: &[f64], shape: &[usize]) -> String {
    let mut text = String::with_capacity(values.len() * 6);
    write_level(&mut text, values, shape);
    text
}

fn write_level(text: &mut String, values: &[f64], shape: &[usize]) {
    text.push('{');
    match shape {
        [] | [_] => {
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&value.to_string());
            }
        }
        [count, inner @ ..] => {
            let width = values.len() / (*count).max(1);
            for (index, part) in values.chunks(width.max(1)).enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_level(text, part, inner);
            }
        }
    }
    text.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_cannot_break_out_of_their_quotes() {
        assert_eq!(quote_ident("a"), "\"a\"");
        assert_eq!(quote_ident("a\"; DROP TABLE x; --"), "\"a\"\"; DROP TABLE x; --\"");
    }

    #[test]
    fn arrays_keep_their_shape() {
        assert_eq!(array_literal(&[1.0, 2.5], &[2]), "{1,2.5}");
        assert_eq!(array_literal(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3]), "{{1,2,3},{4,5,6}}");
        assert_eq!(array_literal(&[], &[0]), "{}");
    }
}
