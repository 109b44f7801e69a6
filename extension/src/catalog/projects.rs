//! `pgml.projects`: a name and a task, to which models belong.

use pgml_core::Error;
use pgml_core::metric::Metric;
use pgml_core::project::Task;

use super::{Edition, required};
use crate::error::Result;
use crate::spi;

#[derive(Debug, Clone)]
pub struct Project {
    pub id: i64,
    pub name: String,
    pub task: String,
}

impl Project {
    pub fn task(&self) -> Result<Task> {
        Ok(Task::parse(&self.task)?)
    }
}

pub fn find(name: &str) -> Result<Option<Project>> {
    spi::first(
        "SELECT id, name, task::pg_catalog.text FROM pgml.projects WHERE name OPERATOR(pg_catalog.=) $1",
        &[name.into()],
        |row| Ok(Project { id: required(row.get(1))?, name: required(row.get(2))?, task: required(row.get(3))? }),
    )
}

/// The task of a project, as the calling statement sees it.
pub fn task(name: &str) -> Result<Option<String>> {
    let found = spi::read(
        c"SELECT task::pg_catalog.text FROM pgml.projects WHERE name OPERATOR(pg_catalog.=) $1",
        &[name.into()],
        |row| required(row.get(1)),
    )?;
    Ok(found.into_iter().next())
}

pub fn existing(name: &str) -> Result<Project> {
    find(name)?.ok_or_else(|| Error::NoProject(name.to_string()).into())
}

/// The project, made if it is new. Another session that makes it at the same time is waited for.
pub fn find_or_create(edition: Edition, name: &str, task: Task) -> Result<Project> {
    let task_value = edition.value(2, "task");
    spi::execute(
        &format!("INSERT INTO pgml.projects (name, task) VALUES ($1, {task_value}) ON CONFLICT (name) DO NOTHING"),
        &[name.into(), task.name().into()],
    )?;
    let project = existing(name)?;
    check_task(&project, task)?;
    Ok(project)
}

/// The score by which the project's models are compared; none while it is the task's usual one. (Edition 3.0.0's table.)
pub fn metric(project: &Project) -> Result<Option<Metric>> {
    let name: Option<String> = spi::first(
        "SELECT metric FROM pgml.projects WHERE id OPERATOR(pg_catalog.=) $1",
        &[project.id.into()],
        |row| Ok(row.get(1)),
    )?
    .flatten();
    name.map(|name| Metric::parse(project.task()?, &name).map_err(crate::error::Error::from)).transpose()
}

/// From now on the project's models are compared by this score.
pub fn set_metric(project: &Project, metric: Metric) -> Result<()> {
    spi::execute(
        "UPDATE pgml.projects SET metric = $2 WHERE id OPERATOR(pg_catalog.=) $1 \
         AND (metric IS NULL OR metric OPERATOR(pg_catalog.<>) $2)",
        &[project.id.into(), metric.name.into()],
    )
}

pub fn rename(project: &Project, name: &str) -> Result<()> {
    spi::execute(
        "UPDATE pgml.projects SET name = $2 WHERE id OPERATOR(pg_catalog.=) $1",
        &[project.id.into(), name.into()],
    )
}

/// Delete a project with its models, files and deployments.
pub fn delete(project: &Project) -> Result<()> {
    spi::execute("DELETE FROM pgml.projects WHERE id OPERATOR(pg_catalog.=) $1", &[project.id.into()])
}

/// A project keeps its task: the scores of its models are compared with one another.
pub fn check_task(project: &Project, task: Task) -> Result<()> {
    if project.task == task.name() {
        return Ok(());
    }
    let (name, is, asked) = (project.name.clone(), project.task.clone(), task.name().to_string());
    Err(Error::TaskChanged { name, is, asked }.into())
}

/// Decisions about what is deployed are made one after the other.
pub fn lock(project: &Project) -> Result<()> {
    spi::execute(
        "SELECT 1 FROM pgml.projects WHERE id OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE",
        &[project.id.into()],
    )
}
