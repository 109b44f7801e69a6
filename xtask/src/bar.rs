//! The bar of a whole run on a terminal: the jobs that are done and those that run, and what is left by the last run's times.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base::progress::{Left, Progress};
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

/// `{left}` is written again at each tick, so that it counts down while a long job runs.
const TEMPLATE: &str = "{bar:20} {pos}/{len} jobs done, {left}{wide_msg} {elapsed}";

/// The bar below all others.
pub struct Bar {
    bar: ProgressBar,
    until: Arc<Mutex<Option<Until>>>,
}

/// When a run ends, as it was estimated last.
#[derive(Clone, Copy)]
struct Until {
    end: Instant,
    at_least: bool,
}

impl Bar {
    /// Adds the bar of a run with so many jobs.
    pub fn below(bars: &MultiProgress, jobs: usize) -> Self {
        let bar = bars.add(ProgressBar::new(jobs as u64));
        let until: Arc<Mutex<Option<Until>>> = Arc::default();
        let shown = Arc::clone(&until);
        let write_left = move |_: &ProgressState, to: &mut dyn Write| {
            let until = *shown.lock().unwrap_or_else(PoisonError::into_inner);
            let words = until.map(|until| words(until, Instant::now()));
            let _ = write!(to, "{}", words.unwrap_or_default()); // a bar that can't be drawn stops nothing
        };
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style.with_key("left", write_left));
        }
        bar.enable_steady_tick(Duration::from_secs(1));
        Self { bar, until }
    }

    /// Shows how far the run is.
    pub fn show(&self, progress: &Progress) {
        let end = |left: Left| Until {
            end: Instant::now() + left.time,
            at_least: left.at_least,
        };
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = progress.left.map(end);
        self.bar
            .set_position((progress.jobs - progress.jobs_left) as u64);
        self.bar.set_message(targets(progress));
    }

    /// Takes the bar away.
    pub fn remove(self) {
        self.bar.finish_and_clear();
    }
}

/// `2 running, 1/3 targets: debian12-pg15 7/14`
fn targets(progress: &Progress) -> String {
    let done = progress.targets - progress.targets_left;
    let mut words = format!("{} running", progress.running);
    if progress.targets > 0 {
        let _ = write!(words, ", {done}/{} targets", progress.targets); // a String takes every text
    }
    if !progress.under_way.is_empty() {
        let _ = write!(words, ": {}", progress.under_way.join(", "));
    }
    words
}

/// `about 4 min left, `, in steps that an estimate deserves.
fn words(until: Until, now: Instant) -> String {
    let left = until.end.saturating_duration_since(now).as_secs();
    let how = if until.at_least { "over" } else { "about" };
    match left {
        0 if until.at_least => String::new(),
        0 => "longer than last time, ".to_owned(),
        1..90 => format!("{how} {} s left, ", left.next_multiple_of(10)),
        _ => format!("{how} {} min left, ", (left + 30) / 60),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use indicatif::{ProgressDrawTarget, TermLike};

    use super::*;

    fn until(at_least: bool, seconds: u64, now: Instant) -> String {
        let end = now + Duration::from_secs(seconds);
        words(Until { end, at_least }, now)
    }

    #[test]
    fn an_estimate_is_no_more_exact_than_it_can_be() {
        let now = Instant::now();
        assert_eq!(until(false, 83, now), "about 90 s left, ");
        assert_eq!(until(false, 250, now), "about 4 min left, ");
        assert_eq!(until(true, 250, now), "over 4 min left, ");
        assert_eq!(until(false, 0, now), "longer than last time, ");
        assert_eq!(until(true, 0, now), "");
    }

    /// Keeps what is drawn on it.
    #[derive(Debug, Clone, Default)]
    struct Screen(Arc<Mutex<String>>);

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            120
        }
        fn move_cursor_up(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _n: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a terminal shows of a run with two of eight jobs done.
    fn drawn(left: Option<Left>) -> String {
        let screen = Screen::default();
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let bar = Bar::below(&MultiProgress::with_draw_target(target), 8);
        bar.show(&Progress {
            jobs: 8,
            jobs_left: 6,
            running: 2,
            left,
            targets: 1,
            targets_left: 1,
            under_way: vec!["debian12-pg15 2/8".to_owned()],
        });
        bar.bar.tick();
        bar.bar.abandon();
        screen.0.lock().unwrap().clone()
    }

    #[test]
    fn a_terminal_shows_what_is_done_what_runs_and_what_is_left() {
        let left = Left {
            time: Duration::from_secs(250),
            at_least: false,
        };
        let text = drawn(Some(left));
        let expected = "2/8 jobs done, about 4 min left, 2 running, 0/1 targets: debian12-pg15 2/8";
        assert!(text.contains(expected), "{text}");
        let text = drawn(None);
        let expected = "2/8 jobs done, 2 running, 0/1 targets: debian12-pg15 2/8";
        assert!(text.contains(expected), "{text}");
    }
}
