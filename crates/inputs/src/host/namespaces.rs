//! Whether this process can make the namespaces that builds run in. It is tried: kernels, containers and security modules forbid
//! it in too many ways to guess.

use std::fs;
use std::path::Path;

use super::Host;
use base::process::Program;

/// Why it can't, and what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The cause, in one line.
    pub why: String,
    /// What a user can do about it.
    pub remedy: String,
}

/// How many further user ids a root file system takes: those of a distribution's own users, `nobody` among them.
const IDS: u64 = 65_536;

/// Tries what the jobs do: a user namespace of its own with the root file system, /proc, and no network. `None` if it works, or
/// where there is no bubblewrap to try it with.
pub fn refused(host: &Host) -> Option<Refused> {
    let bwrap = host.program("bwrap")?;
    let tried = Program::new(bwrap.to_string_lossy())
        .args(["--unshare-all", "--unshare-user", "--ro-bind", "/", "/"])
        .args(["--proc", "/proc", "--dev", "/dev", "true"])
        .attempt();
    let output = match tried {
        Ok(output) if output.status.success() => return None,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    Some(explain(&output, is_chroot(&output), restriction()))
}

/// Says in one line what the kernel means by its refusal.
fn explain(output: &str, chroot: bool, restriction: Option<&str>) -> Refused {
    let (why, remedy) = if output.contains("Unknown option") {
        (
            "this machine's bubblewrap lacks an option that builds use".to_owned(),
            "build on Debian 11, Ubuntu 20.04 or newer, or in a privileged container of one"
                .to_owned(),
        )
    } else if chroot {
        (
            "this is a chroot, and the kernel makes no user namespace in one".to_owned(),
            "enter the directory as a root file system instead (systemd-nspawn, a container, or `unshare --mount` with \
             pivot_root)"
                .to_owned(),
        )
    } else if let Some(setting) = restriction {
        (
            format!("this system allows user namespaces to root alone ({setting})"),
            format!(
                "run as root, or allow them: sudo sysctl -w {}",
                opposite(setting)
            ),
        )
    } else if output.contains("mount proc") {
        (
            format!("parts of /proc are covered here, as containers do it: {output}"),
            "run the container with --privileged, or with --security-opt systempaths=unconfined"
                .to_owned(),
        )
    } else {
        (
            output.to_owned(),
            "allow user namespaces; in a container, run it with --privileged".to_owned(),
        )
    };
    Refused { why, remedy }
}

/// Whether this is a chroot, as far as it can be told: to a process that may make every other namespace, the kernel refuses a
/// user namespace only there (user_namespaces(7), EPERM). An ordinary user sees no mount that begins with a root.
fn is_chroot(output: &str) -> bool {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let refused = output.contains("new namespace") && may_administer(&text("/proc/self/status"));
    let mounts = text("/proc/self/mountinfo");
    let has_root = |line: &str| line.split(' ').nth(4) == Some("/");
    refused || (!mounts.is_empty() && !mounts.lines().any(has_root))
}

/// Whether a process has the capability CAP_SYS_ADMIN (proc_pid_status(5), `CapEff`).
fn may_administer(status: &str) -> bool {
    const SYS_ADMIN: u64 = 1 << 21;
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let set = set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    set.is_some_and(|set| set & SYS_ADMIN != 0)
}

/// The setting by which a kernel keeps ordinary users from user namespaces, as sysctl writes it.
fn restriction() -> Option<&'static str> {
    if rustix::process::geteuid().is_root() {
        return None;
    }
    let all = [
        // Ubuntu, from 23.10 on.
        (
            "apparmor_restrict_unprivileged_userns",
            "1",
            "kernel.apparmor_restrict_unprivileged_userns=1",
        ),
        // Debian's kernels before 11.
        (
            "unprivileged_userns_clone",
            "0",
            "kernel.unprivileged_userns_clone=0",
        ),
    ];
    let is = |name: &str, value: &str| {
        let path = Path::new("/proc/sys/kernel").join(name);
        fs::read_to_string(path).is_ok_and(|found| found.trim() == value)
    };
    let found = all.into_iter().find(|(name, value, _)| is(name, value));
    found.map(|(_, _, setting)| setting)
}

fn opposite(setting: &str) -> String {
    match setting.strip_suffix('1') {
        Some(name) => format!("{name}0"),
        None => format!("{}1", setting.trim_end_matches('0')),
    }
}

/// Why an ordinary user can't make a root file system, which has files of other users: no range of further ids is theirs in
/// /etc/subuid and /etc/subgid. `None` if both are there, and for root.
pub fn no_sub_ids(host: &Host, root: &Path) -> Option<Refused> {
    if host.root {
        return None;
    }
    let uid = rustix::process::geteuid().as_raw();
    let passwd = fs::read_to_string(root.join("etc/passwd")).unwrap_or_default();
    let name = user_name(&passwd, uid).unwrap_or_else(|| uid.to_string());
    let lacks = |file: &&str| {
        let text = fs::read_to_string(root.join("etc").join(file)).unwrap_or_default();
        !has_range(&text, &name, uid)
    };
    let lacking: Vec<&str> = ["subuid", "subgid"]
        .into_iter()
        .filter(|f| lacks(f))
        .collect();
    (!lacking.is_empty()).then(|| Refused {
        why: format!(
            "the user `{name}` has no {IDS} further ids in /etc/{}, which the users of a root file system need",
            lacking.join(" and /etc/")
        ),
        remedy: format!(
            "run `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}` (other numbers where these are \
             taken), or run as root"
        ),
    })
}

fn user_name(passwd: &str, uid: u32) -> Option<String> {
    let line = passwd
        .lines()
        .find(|line| line.split(':').nth(2) == Some(&uid.to_string()))?;
    line.split(':').next().map(str::to_owned)
}

/// Whether subuid(5) gives a user enough ids in one range.
fn has_range(text: &str, name: &str, uid: u32) -> bool {
    text.lines().any(|line| {
        let mut fields = line.split(':');
        let who = fields.next().unwrap_or_default();
        let count = fields.nth(1).and_then(|count| count.trim().parse().ok());
        (who == name || who == uid.to_string()) && count.is_some_and(|count: u64| count >= IDS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_explained_in_one_line() {
        let bwrap = "bwrap: Creating new namespace failed: Operation not permitted";
        assert!(
            explain(bwrap, true, None)
                .why
                .starts_with("this is a chroot")
        );
        let ubuntu = explain(
            bwrap,
            false,
            Some("kernel.apparmor_restrict_unprivileged_userns=1"),
        );
        assert!(
            ubuntu
                .remedy
                .ends_with("kernel.apparmor_restrict_unprivileged_userns=0"),
            "{ubuntu:?}"
        );
        let proc = explain(
            "bwrap: Can't mount proc on /proc: Operation not permitted",
            false,
            None,
        );
        assert!(proc.remedy.contains("systempaths"), "{proc:?}");
        let old = explain("bwrap: Unknown option --new-session", false, None);
        assert!(old.why.contains("lacks an option"), "{old:?}");
        assert_eq!(explain("x", false, None).why, "x");
    }

    #[test]
    fn who_may_make_the_other_namespaces_is_told_by_the_capabilities() {
        assert!(may_administer("Name:\tx\nCapEff:\t000001ffffffffff\n"));
        assert!(
            !may_administer("CapEff:\t00000000a80425fb\n"),
            "a container's"
        );
        assert!(!may_administer(""));
    }

    #[test]
    fn ranges_of_ids_are_by_name_or_by_number() {
        assert!(has_range("a:100000:65536\nb:165536:65536\n", "b", 1001));
        assert!(has_range("1001:100000:65536\n", "b", 1001));
        assert!(!has_range("b:100000:1000\n", "b", 1001), "too few");
        assert!(!has_range("bb:100000:65536\n", "b", 1001));
        assert_eq!(
            user_name("root:x:0:0::/root:/bin/sh\nb:x:1001:1001::/:\n", 1001).as_deref(),
            Some("b")
        );
    }
}
