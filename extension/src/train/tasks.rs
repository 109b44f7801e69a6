//! What is to be learned, where a call doesn't say: what the label's type tells.

use pgml_core::Error;
use pgml_core::project::Task;

use crate::error::Result;
use crate::relation;

/// The task that the type of the labels asks for; an error that asks back where it could be either.
pub fn of_label(project: &str, relation: &str, labels: &[String]) -> Result<Task> {
    let relation = relation::find(relation)?;
    let columns = relation::columns(&relation)?;
    let Some(column) = columns.iter().find(|column| labels.contains(&column.name)) else {
        return Err(Error::NoColumn {
            relation: relation.name,
            column: labels.first().cloned().unwrap_or_default(),
            available: columns.into_iter().map(|column| column.name).collect(),
        }
        .into());
    };
    match column.element.as_str() {
        "text" | "bool" | "enum" | "uuid" => Ok(Task::Classification),
        "float4" | "float8" | "numeric" => Ok(Task::Regression),
        _ if !column.has_classes() => Err(column.refused("label").into()),
        _ => Err(Error::WhichTask {
            project: project.to_string(),
            column: column.name.clone(),
            type_name: column.type_name.clone(),
        }
        .into()),
    }
}
