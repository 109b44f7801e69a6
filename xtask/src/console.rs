//! The one place that draws on standard error: progress bars on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::io::{IsTerminal, stderr};
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use base::progress::{Listener, Progress};

use crate::bar::Bar;
use crate::heartbeat::Heartbeat;

/// Shows progress to a person, or to a log.
pub struct Console {
    bars: Option<MultiProgress>,
    open: Mutex<HashMap<String, ProgressBar>>,
    /// How far the whole run is, below all others.
    whole: Mutex<Option<Bar>>,
    /// Keeps a log from being silent; bars move by themselves.
    heartbeat: Option<Heartbeat>,
}

impl Console {
    /// Bars where standard error is a terminal, lines where it is not.
    pub fn new() -> Self {
        let bars = stderr().is_terminal().then(MultiProgress::new);
        let heartbeat = match bars {
            Some(_) => None,
            None => Some(Heartbeat::start(|line| eprintln!("{line}"))),
        };
        Self {
            bars,
            open: Mutex::default(),
            whole: Mutex::default(),
            heartbeat,
        }
    }

    fn line(&self, text: &str) {
        match &self.bars {
            Some(bars) => bars.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.printed();
        }
    }

    fn with_open<T>(&self, act: impl FnOnce(&mut HashMap<String, ProgressBar>) -> T) -> T {
        act(&mut self
            .open
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

impl Listener for Console {
    fn started(&self, job: &str, what: &str) {
        self.began(job);
        let Some(bars) = &self.bars else {
            return self.line(&format!("{job}: {what}"));
        };
        let bar = bars.insert(0, ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {wide_msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_prefix(job.to_owned());
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        self.with_open(|open| open.insert(job.to_owned(), bar));
    }

    fn progress(&self, job: &str, line: &str) {
        if self.bars.is_none() {
            return self.line(&format!("{job}: {line}"));
        }
        self.with_open(|open| {
            if let Some(bar) = open.get(job) {
                bar.set_message(line.to_owned());
            }
        });
    }

    fn finished(&self, job: &str, how: &str) {
        self.ended(job);
        if let Some(bar) = self.with_open(|open| open.remove(job)) {
            bar.finish_and_clear();
        }
        self.line(&format!("{job}: {how}"));
    }

    fn began(&self, what: &str) {
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.began(what);
        }
    }

    fn ended(&self, what: &str) {
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.ended(what);
        }
    }

    fn note(&self, line: &str) {
        self.line(line);
    }

    fn advanced(&self, progress: &Progress) {
        let Some(bars) = &self.bars else {
            return;
        };
        let mut whole = self
            .whole
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let bar = whole.get_or_insert_with(|| Bar::below(bars, progress.jobs));
        bar.show(progress);
        if progress.jobs_left == 0
            && let Some(bar) = whole.take()
        {
            bar.remove();
        }
    }
}
