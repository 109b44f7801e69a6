//! How a container of an image behaves: its environment, user, volumes and health check, and the layer with the entry
//! point and the default configuration from `docker/`.

use std::path::Path;

use oci_spec::image::{Config, ConfigBuilder};
use serde_json::{Value, json};

use base::exit::Failure;
use base::files;

use super::filter::SLIM;
use super::layer::{Entry, Kind, Layer, LayerWriter};
use super::{Flavour, OciError};

/// The files of the source tree that decide the settings layer.
pub const FILES: [&str; 5] = [
    "docker/entrypoint.sh",
    "docker/healthcheck.sh",
    "docker/postgresql.conf",
    "docker/slim.conf",
    SLIM,
];

/// The entry point, at the place that Postgres images have it.
const ENTRY_POINT: &str = "usr/local/bin/docker-entrypoint.sh";
/// What the health check runs.
const HEALTH_CHECK: &str = "usr/local/bin/pgml-healthcheck";
/// Where the entry point looks for what it appends to postgresql.conf.
const DEFAULTS: &str = "usr/share/pgml/postgresql.conf.d";

/// The home of the server's user.
const HOME: &str = "/var/lib/postgresql";

/// The data directory and the volume that it is in. From 18 on Postgres images have the volume above the directory of the
/// major, so that pg_upgrade finds both on one file system.
fn data(major: u16) -> (String, String) {
    match major >= 18 {
        true => (format!("{HOME}/{major}/docker"), HOME.into()),
        false => (format!("{HOME}/data"), format!("{HOME}/data")),
    }
}

/// The directory of the images of a major that is a volume.
pub fn data_volume(major: u16) -> String {
    data(major).1
}

/// What the settings of one image follow from.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// The major version of the PostgreSQL server in the image.
    pub major: u16,
    /// Whether the settings are for the full or the slim image.
    pub flavour: Flavour,
    /// The server's user and group.
    pub uid: u64,
    /// The root of the source tree, for the templates in [`FILES`].
    pub root: &'a Path,
}

impl Settings<'_> {
    /// The settings that the OCI image specification knows.
    pub fn config(&self) -> Result<Config, Failure> {
        let (data, volume) = data(self.major);
        let major = self.major;
        let config = ConfigBuilder::default()
            .user(format!("{uid}:{uid}", uid = self.uid))
            .env(vec![
                format!("PATH=/usr/lib/postgresql/{major}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
                // Sorts by code point, the same on every version of the C library: no index is silently wrong after an
                // upgrade.
                "LANG=C.UTF-8".into(),
                format!("PG_MAJOR={major}"),
                format!("PGDATA={data}"),
            ])
            .entrypoint(vec!["docker-entrypoint.sh".to_owned()])
            .cmd(vec!["postgres".to_owned()])
            .volumes(vec![volume])
            .exposed_ports(vec!["5432/tcp".to_owned()])
            .working_dir("/")
            // Fast shutdown: sessions end, the data is written.
            .stop_signal("SIGINT")
            .build();
        Ok(config.map_err(|error| OciError::Format(error.to_string()))?)
    }

    /// The health check, which Docker reads beside the specified settings. Times are in nanoseconds; the first check is
    /// after one interval.
    pub fn health_check(&self) -> Value {
        let second: u64 = 1_000_000_000;
        json!({
            "Test": ["CMD", format!("/{HEALTH_CHECK}")],
            "Interval": 2 * second,
            "Timeout": 3 * second,
            "StartPeriod": 60 * second,
            "Retries": 5,
        })
    }

    /// Writes the layer with the entry point, the default configuration and the directories of a server.
    pub fn write_layer(&self, to: &Path, epoch: u64) -> Result<Layer, Failure> {
        let mut files = vec![
            (ENTRY_POINT.to_owned(), 0o755, FILES[0]),
            (HEALTH_CHECK.to_owned(), 0o755, FILES[1]),
            (format!("{DEFAULTS}/10-container.conf"), 0o644, FILES[2]),
        ];
        if self.flavour == Flavour::Slim {
            files.push((format!("{DEFAULTS}/20-slim.conf"), 0o644, FILES[3]));
            files.push(("etc/dpkg/dpkg.cfg.d/pgml-slim".into(), 0o644, FILES[4]));
        }
        let volume = data_volume(self.major);
        let volume = volume.trim_start_matches('/').to_owned();
        // Sticky and open: a server that runs as another user makes a directory of its own there.
        let mut directories = vec![
            ("docker-entrypoint-initdb.d".to_owned(), 0o755, 0),
            ("run/postgresql".into(), 0o3777, self.uid),
            ("usr/share/pgml".into(), 0o755, 0),
            (DEFAULTS.into(), 0o755, 0),
            (volume.clone(), 0o1777, self.uid),
        ];
        let home = HOME.trim_start_matches('/').to_owned();
        if home != volume {
            directories.push((home, 0o755, self.uid));
        }
        let mut entries: Vec<(Entry, Vec<u8>)> = Vec::new();
        for (path, mode, owner) in directories {
            let mut entry = Entry::of_root(path, Kind::Directory, mode, epoch);
            (entry.uid, entry.gid) = (owner, owner);
            entries.push((entry, Vec::new()));
        }
        for (path, mode, from) in files {
            let bytes = files::read(&self.root.join(from))?;
            let kind = Kind::File(bytes.len() as u64);
            entries.push((Entry::of_root(path, kind, mode, epoch), bytes));
        }
        entries.sort_by(|a, b| a.0.path.cmp(&b.0.path));
        let mut layer = LayerWriter::create(to)?;
        for (entry, bytes) in &entries {
            layer.add(entry, &bytes[..])?;
        }
        Ok(layer.finish()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_directory_is_where_images_of_that_major_have_it() {
        let settings = |major| Settings {
            major,
            flavour: Flavour::Full,
            uid: 999,
            root: Path::new("/"),
        };
        assert_eq!(data(17).0, "/var/lib/postgresql/data");
        assert_eq!(data(18).0, "/var/lib/postgresql/18/docker");
        assert_eq!(data_volume(18), "/var/lib/postgresql");
        let config = serde_json::to_value(settings(17).config().unwrap()).unwrap();
        assert_eq!(config["User"], "999:999");
        assert_eq!(config["StopSignal"], "SIGINT");
        assert!(config["Volumes"]["/var/lib/postgresql/data"].is_object());
        assert!(config["ExposedPorts"]["5432/tcp"].is_object());
    }
}
