//! One cell of the matrix: a host with one damaged file, and what the commands make of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::host::{Host, Ran};
use crate::matrix::damage::Damage;
use crate::matrix::file::File;

/// What runs on each host, twice. A birth may begin an episode, which the last look finds.
const COMMANDS: [&str; 6] =
    ["list", "status", "show alpha", "supervise --once", "create beta --runtime shell", "status"];

/// What runs there, too, when the file is a runtime's: nobody else needs it.
const OF_RUNTIME: &str = "add-runtime omega probe";

/// No command may take longer; those here take a hundredth of it.
const LIMIT: Duration = Duration::from_secs(20);

/// What came of a damage.
pub(crate) struct Cell {
    /// As in the table.
    pub(crate) letter: char,
    /// What must never be.
    pub(crate) problems: Vec<String>,
}

/// A host on which one cell after the other is played.
pub(crate) struct Stage {
    host: Host,
    /// What is there when all is well.
    well: Tree,
}

/// Everything under a root, by path.
type Tree = BTreeMap<PathBuf, Node>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Bytes(Vec<u8>),
    /// Too large to be looked at.
    Huge(u64),
    Folder,
    Link(PathBuf),
    Other,
}

impl Stage {
    /// A host with the peers `alpha` and `omega`, on which all is well.
    pub(crate) fn new() -> Stage {
        let host = Host::in_memory();
        host.ok("create alpha --runtime shell --description first");
        fs::create_dir(host.path("elsewhere")).unwrap();
        host.ok("create omega --path elsewhere/omega --runtime shell");
        host.declare_runtime("probe", "/bin/sh", &[]);
        let well = tree(&host.path("root"));
        Stage { host, well }
    }

    /// Plays all variants of a damage; the letter is that of the last one, and they must have the same.
    pub(crate) fn play(&self, file: File, damage: Damage) -> Cell {
        let mut cells: Vec<_> = (0..damage.variants()).map(|n| self.play_one(file, damage, n)).collect();
        let mut last = cells.pop().expect("there is one variant at least");
        for (n, other) in cells.into_iter().enumerate() {
            last.problems.extend(other.problems);
            if other.letter != last.letter {
                last.problems
                    .push(format!("variant {n} is {}, and the last one {}", other.letter, last.letter));
            }
        }
        last
    }

    fn play_one(&self, file: File, damage: Damage, variant: usize) -> Cell {
        let path = self.set(file);
        let good = fs::read(&path).unwrap();
        // A damage that changes nothing of this file is none.
        let damaged = damage.strike(&path, &good, variant).filter(|bytes| *bytes != good);
        if (file, damage) == (File::Index, Damage::Absent) {
            fs::remove_dir_all(self.host.root("backups")).unwrap();
        }
        let struck = node(&path).filter(|_| !damage.is_of_content());

        let first = self.run_all(file);
        let between = self.tree();
        let second = self.run_all(file);
        let after = Play { file, damage, path, damaged, struck, tree: self.tree(), first, second };
        let mut problems = Vec::new();
        problems.extend(after.of_commands());
        problems.extend(after.of_the_second_time(&between));
        problems.extend(after.of_events());
        problems.extend((!after.is_kept()).then(|| "the damaged bytes are lost".to_owned()));
        Cell { letter: after.letter(), problems }
    }

    fn run_all(&self, file: File) -> Vec<(Duration, Ran)> {
        let more = (file == File::Runtime).then_some(OF_RUNTIME);
        let timed = |command: &str| {
            let start = Instant::now();
            let ran = self.host.run(command);
            (start.elapsed(), ran)
        };
        COMMANDS.into_iter().chain(more).map(timed).collect()
    }

    fn tree(&self) -> Tree {
        tree(&self.host.path("root"))
    }

    /// The host.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// Makes everything under the root as it was, and the file as it is when all is well; where it is.
    pub(crate) fn set(&self, file: File) -> PathBuf {
        let root = self.host.path("root");
        match node(&root) {
            Some(Node::Folder) => fs::remove_dir_all(&root).unwrap(),
            Some(_) => fs::remove_file(&root).unwrap(),
            None => {}
        }
        fs::create_dir(&root).unwrap();
        for (path, node) in &self.well {
            match node {
                Node::Folder => fs::create_dir(path).unwrap(),
                Node::Bytes(bytes) => fs::write(path, bytes).unwrap(),
                other => panic!("what is {other:?}"),
            }
        }
        for file in file.beside().iter().copied().chain([file]) {
            if let Some(text) = file.good(&self.host) {
                let path = file.path(&self.host);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        }
        file.path(&self.host)
    }
}

/// What there is when all commands have run twice.
struct Play {
    file: File,
    damage: Damage,
    path: PathBuf,
    /// The bytes that must not be lost.
    damaged: Option<Vec<u8>>,
    /// What stood there instead of bytes.
    struck: Option<Node>,
    tree: Tree,
    first: Vec<(Duration, Ran)>,
    second: Vec<(Duration, Ran)>,
}

impl Play {
    fn of_commands(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (took, ran) in self.first.iter().chain(&self.second) {
            if *took > LIMIT {
                problems.push(format!("it took {took:?}: {ran:?}"));
            }
            if !(0..=4).contains(&ran.exit) || ran.stderr.contains("panicked") {
                problems.push(format!("it is broken: {ran:?}"));
            }
            if ran.stderr.contains("error: ") && !ran.stderr.contains("\nhint: ") {
                problems.push(format!("nothing says what mends it: {ran:?}"));
            }
        }
        // Without index and backups there is nothing that tells of a peer in a folder of its own.
        let is_told = (self.file, self.damage) != (File::Index, Damage::Absent);
        let may_be_refused = self.file == File::Index
            || self.damage == Damage::NoFolder && matches!(self.file, File::IndexLock | File::Slot);
        for (_, list) in [&self.first[0], &self.second[0]] {
            let lists = list.exit == 0 && (list.stdout.contains("omega") || !is_told);
            let refused = list.exit == 4 && may_be_refused;
            if !lists && !refused {
                problems.push(format!("the other peer is not listed: {list:?}"));
            }
        }
        problems
    }

    fn of_the_second_time(&self, before: &Tree) -> Vec<String> {
        let paths = self.tree.keys().chain(before.keys());
        // A lock tells people who had it last.
        let counts = paths.filter(|path| !path.to_str().unwrap().ends_with(".lock"));
        let changed = counts.filter(|path| self.tree.get(*path) != before.get(*path));
        changed.map(|path| format!("the second time changes {}", path.display())).collect()
    }

    fn of_events(&self) -> Option<String> {
        let log = self.log("lifecycle.log");
        let mut ids: Vec<_> =
            log.lines().filter_map(|line| line.split_once(" ev=degraded ")?.1.split(' ').next()).collect();
        let events = ids.len();
        ids.sort_unstable();
        ids.dedup();
        let exits = self.log("exits.log");
        let deaths = exits.matches(" ev=server-exit ").count();
        let died = self.file == File::Lease && self.damage.is_of_content();
        if self.mends() > 1 || ids.len() < events {
            Some(format!("one episode is more than one event: {log}"))
        } else if deaths > 1 || died && deaths != 1 {
            Some(format!("one death is {deaths} records: {exits}"))
        } else {
            None
        }
    }

    /// Whether what was damaged is still there, in its place or in quarantine.
    fn is_kept(&self) -> bool {
        let here = self.tree.iter().filter(|(path, _)| {
            **path == self.path || path.parent().is_some_and(|folder| folder.ends_with("quarantine"))
        });
        let mut here = here.map(|(_, node)| node);
        match (&self.damaged, &self.struck) {
            _ if !self.file.content_counts() => true,
            // Only the bad entries are, in a list of such.
            (Some(_), _) if self.file == File::Index && self.mends() == 1 && self.damage.is_of_entries() => {
                here.any(|node| node.holds(b"\"entries\": ["))
            }
            // A session that can be read is buried.
            (Some(_), _)
                if self.file == File::Session && self.log("lifecycle.log").contains("reaped-gone") =>
            {
                true
            }
            (Some(bytes), _) => bytes.is_empty() || here.any(|node| node.holds(bytes)),
            (None, Some(struck)) => here.any(|node| node == struck),
            (None, None) => true,
        }
    }

    fn mends(&self) -> usize {
        self.log("lifecycle.log").matches(" ev=state-mended ").count()
    }

    fn letter(&self) -> char {
        // What the user must be told of.
        let folder = self.path.parent().unwrap();
        let name = if self.damage == Damage::NoFolder { folder } else { &self.path }.to_str().unwrap();
        let worst = self.first.iter().map(|(_, ran)| ran.exit).max().unwrap();
        let told = self.first.iter().any(|(_, ran)| ran.stdout.contains(name) || ran.stderr.contains(name));
        match worst {
            1.. => char::from_digit(worst.unsigned_abs(), 10).unwrap_or('!'),
            _ if self.mends() == 1 => 'M',
            _ if told => 'T',
            _ => '.',
        }
    }

    fn log(&self, name: &str) -> String {
        let of_log = self.tree.iter().filter(|(path, _)| path.ends_with(Path::new("logs/iapeer").join(name)));
        let bytes = of_log.filter_map(|(_, node)| match node {
            Node::Bytes(bytes) => Some(String::from_utf8_lossy(bytes)),
            _ => None,
        });
        bytes.collect()
    }
}

impl Node {
    fn holds(&self, bytes: &[u8]) -> bool {
        matches!(self, Node::Bytes(own) if own.windows(bytes.len()).any(|part| part == bytes))
    }
}

fn tree(root: &Path) -> Tree {
    let mut all = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            let node = node(&path).unwrap();
            if node == Node::Folder {
                folders.push(path.clone());
            }
            all.insert(path, node);
        }
    }
    all
}

fn node(path: &Path) -> Option<Node> {
    let meta = path.symlink_metadata().ok()?;
    let kind = meta.file_type();
    Some(if kind.is_dir() {
        Node::Folder
    } else if kind.is_symlink() {
        Node::Link(fs::read_link(path).unwrap())
    } else if kind.is_fifo() {
        Node::Other
    } else if meta.len() > 1 << 20 {
        Node::Huge(meta.len())
    } else {
        fs::read(path).map_or(Node::Other, Node::Bytes)
    })
}
