//! The modules of a crate, as its sources have them, without those for tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use syn::{Attribute, Expr, ExprLit, Item, Lit, UseTree};

/// A module's path from the root of the crate; that of the root is empty.
pub(super) type ModulePath = Vec<String>;

/// What each module has in it.
pub(super) struct Modules {
    pub(super) items: BTreeMap<ModulePath, Vec<Item>>,
}

/// An item: the module that it is in, and its place there.
pub(super) type Place = (ModulePath, usize);

impl Modules {
    /// Reads `lib.rs` in this folder, and the files of the modules that it names.
    pub(super) fn read(src: &Path) -> Result<Modules, String> {
        let mut modules = Modules { items: BTreeMap::new() };
        modules.read_file(&src.join("lib.rs"), src, Vec::new())?;
        Ok(modules)
    }

    fn read_file(&mut self, file: &Path, folder: &Path, path: ModulePath) -> Result<(), String> {
        let text = fs::read_to_string(file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
        let parsed = syn::parse_file(&text).map_err(|e| format!("{} is no source: {e}", file.display()))?;
        self.add(parsed.items, file, folder, path)
    }

    /// `folder` is where the files of the modules in this one are, unless they say where, as seen from `file`.
    fn add(&mut self, items: Vec<Item>, file: &Path, folder: &Path, path: ModulePath) -> Result<(), String> {
        for item in &items {
            let Item::Mod(module) = item else { continue };
            if is_for_tests(&module.attrs) {
                continue;
            }
            let name = module.ident.to_string();
            let below = folder.join(&name);
            let child = [&path[..], std::slice::from_ref(&name)].concat();
            match &module.content {
                Some((_, inner)) => self.add(inner.clone(), file, &below, child)?,
                None => {
                    let said = said_path(&module.attrs).map(|said| file.with_file_name(said));
                    let usual = || Some(folder.join(format!("{name}.rs"))).filter(|file| file.exists());
                    let file = said.or_else(usual).unwrap_or_else(|| below.join("mod.rs"));
                    self.read_file(&file, &below, child)?;
                }
            }
        }
        // A module may have a file for each system; all that they have is in it.
        self.items.entry(path).or_default().extend(items);
        Ok(())
    }

    /// The item that these words mean in a module; `None` when it is of another crate, or not there.
    pub(super) fn find(&self, module: &[String], words: &[String]) -> Option<Place> {
        self.find_within(module, words, 0)
    }

    /// A name may lead from module to module; `steps` ends a walk in a circle.
    fn find_within(&self, module: &[String], words: &[String], steps: usize) -> Option<Place> {
        const FAR: usize = 16;
        let (first, rest) = words.split_first()?;
        if steps > FAR {
            return None;
        }
        let up = || module.split_last().map(|(_, above)| above);
        match first.as_str() {
            "crate" => return self.find_within(&[], rest, steps + 1),
            "self" => return self.find_within(module, rest, steps + 1),
            "super" => return self.find_within(up()?, rest, steps + 1),
            _ => {}
        }
        if !rest.is_empty() {
            let child = [module, std::slice::from_ref(first)].concat();
            return self.items.contains_key(&child).then(|| self.find_within(&child, rest, steps + 1))?;
        }
        let items = self.items.get(module)?;
        let named = |item: &Item| name_of(item).is_some_and(|name| name == *first);
        if let Some(place) = items.iter().position(named) {
            return Some((module.to_vec(), place));
        }
        let uses = items.iter().filter_map(|item| if let Item::Use(item) = item { Some(item) } else { None });
        let leaves = uses.flat_map(|item| leaves(&item.tree));
        leaves
            .filter_map(|leaf| match leaf.name {
                Some(name) if name == *first => Some(leaf.words),
                Some(_) => None,
                // All that is there, so maybe this too.
                None => Some([leaf.words, vec![first.clone()]].concat()),
            })
            .find_map(|words| self.find_within(module, &words, steps + 1))
    }
}

/// One name that a `use` brings.
pub(super) struct Leaf {
    /// Where it is from.
    pub(super) words: Vec<String>,
    /// What it is called here; `None` for all that is there.
    pub(super) name: Option<String>,
}

/// What a `use` brings, name by name.
pub(super) fn leaves(tree: &UseTree) -> Vec<Leaf> {
    let mut all = Vec::new();
    gather(tree, &[], &mut all);
    all
}

fn gather(tree: &UseTree, before: &[String], all: &mut Vec<Leaf>) {
    let with = |word: String| [before, &[word]].concat();
    match tree {
        UseTree::Path(path) => gather(&path.tree, &with(path.ident.to_string()), all),
        UseTree::Group(group) => group.items.iter().for_each(|tree| gather(tree, before, all)),
        UseTree::Glob(_) => all.push(Leaf { words: before.to_vec(), name: None }),
        UseTree::Name(name) if name.ident == "self" => {
            all.push(Leaf { words: before.to_vec(), name: before.last().cloned() });
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            all.push(Leaf { words: with(name.clone()), name: Some(name) });
        }
        UseTree::Rename(rename) => {
            let name = Some(rename.rename.to_string());
            all.push(Leaf { words: with(rename.ident.to_string()), name });
        }
    }
}

/// What `#[path = "…"]` says.
fn said_path(attributes: &[Attribute]) -> Option<String> {
    let value = attributes.iter().find(|a| a.path().is_ident("path"))?.meta.require_name_value().ok()?;
    match &value.value {
        Expr::Lit(ExprLit { lit: Lit::Str(said), .. }) => Some(said.value()),
        _ => None,
    }
}

/// Whether `#[cfg(test)]` stands there.
pub(super) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|word| word == "test")
    })
}

/// The name of an item that can be offered.
fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}
