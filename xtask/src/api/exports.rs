//! What a crate offers: what is public in its root, and what it re-exports, with the implementations of each.

use syn::{File, Item, ItemImpl, ItemMod, ItemUse, Type, UseTree, Visibility};

use super::modules::{ModulePath, Modules, Place, is_for_tests, leaves};
use super::shown;

/// The items that are offered, sorted by name, each with its implementations behind it.
pub(super) fn of(modules: &Modules) -> Result<File, String> {
    Ok(File { shebang: None, frontmatter: None, attrs: Vec::new(), items: offered(modules, &[])? })
}

/// What a public module offers.
fn offered(modules: &Modules, module: &[String]) -> Result<Vec<Item>, String> {
    let mut named: Vec<(String, Vec<Item>)> = Vec::new();
    for (number, item) in modules.items.get(module).into_iter().flatten().enumerate() {
        match item {
            Item::Use(item) if is_public(&item.vis) => {
                for leaf in leaves(&item.tree) {
                    let from = leaf.words.join("::");
                    let Some(name) = leaf.name else {
                        return Err(format!("`pub use {from}::*` hides what is offered: name each item"));
                    };
                    let items = match modules.find(module, &leaf.words) {
                        Some(place) => at(modules, &place, Some(&name)),
                        None => vec![Item::Use(use_of(item, &leaf.words, &name)?)],
                    };
                    named.push((name, items));
                }
            }
            Item::Mod(inner) if is_public(&inner.vis) && !is_for_tests(&inner.attrs) => {
                let name = inner.ident.to_string();
                let items = offered(modules, &[module, std::slice::from_ref(&name)].concat())?;
                let content = Some((Default::default(), items));
                let shown = ItemMod { attrs: Vec::new(), content, semi: None, ..inner.clone() };
                named.push((name, vec![Item::Mod(shown)]));
            }
            _ => {
                let items = at(modules, &(module.to_vec(), number), None);
                if let Some(name) = items.first().and_then(shown::public_name) {
                    named.push((name, items));
                }
            }
        }
    }
    named.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(named.into_iter().flat_map(|(_, items)| items).collect())
}

/// An item, under the name that it is offered by, and its implementations; nothing when it is private.
fn at(modules: &Modules, place: &Place, name: Option<&str>) -> Vec<Item> {
    let Some(item) = shown::item(&modules.items[&place.0][place.1], name) else { return Vec::new() };
    let mut implementations: Vec<(String, Item)> = Vec::new();
    for (module, items) in &modules.items {
        for item in items {
            let Item::Impl(item) = item else { continue };
            if !is_for_tests(&item.attrs)
                && self_place(modules, module, item).as_ref() == Some(place)
                && let Some(shown) = shown::implementation(item)
            {
                let shown = Item::Impl(shown);
                implementations.push((shown::text_of(shown.clone()), shown));
            }
        }
    }
    // Not in the order of the files, so that moving code changes nothing.
    implementations.sort_by(|(a, _), (b, _)| a.cmp(b));
    std::iter::once(item).chain(implementations.into_iter().map(|(_, item)| item)).collect()
}

/// The item that an implementation is for, if it is ours.
fn self_place(modules: &Modules, module: &ModulePath, item: &ItemImpl) -> Option<Place> {
    let Type::Path(path) = &*item.self_ty else { return None };
    let words: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    modules.find(module, &words)
}

/// The `use` of one item of another crate.
fn use_of(item: &ItemUse, words: &[String], name: &str) -> Result<ItemUse, String> {
    let path = words.join("::");
    let renamed = words.last().is_some_and(|last| last != name);
    let tree = if renamed { format!("{path} as {name}") } else { path };
    let tree: UseTree = syn::parse_str(&tree).map_err(|e| format!("`use {tree}` cannot be shown: {e}"))?;
    Ok(ItemUse { attrs: shown::attributes(&item.attrs), tree, ..item.clone() })
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}
