//! `pgml.projects`: a name and a task, to which models belong.

use pgml_core::Error;
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
