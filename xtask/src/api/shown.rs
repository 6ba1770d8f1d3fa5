//! Items as they are shown: without bodies, private fields and comments.

use syn::{
    Attribute, Block, Expr, Field, Fields, File, Ident, ImplItem, Item, ItemImpl, TraitItem, Visibility,
    parse_quote,
};

/// The attributes that tell something to who uses an item.
const ATTRIBUTES: &[&str] = &["cfg", "derive", "deprecated", "must_use", "non_exhaustive", "repr"];

/// The field that stands for those that are private, and how it is shown.
const PRIVATE: (&str, &str) = ("__private: (),", "// private fields");

/// The items as text.
pub(super) fn text(file: &File) -> String {
    prettyplease::unparse(file).replace(PRIVATE.0, PRIVATE.1)
}

/// One item as text.
pub(super) fn text_of(item: Item) -> String {
    text(&File { shebang: None, frontmatter: None, attrs: Vec::new(), items: vec![item] })
}

/// Those that are shown.
pub(super) fn attributes(all: &[Attribute]) -> Vec<Attribute> {
    let is_shown = |a: &&Attribute| ATTRIBUTES.iter().any(|name| a.path().is_ident(name));
    all.iter().filter(is_shown).map(without_sentence).collect()
}

/// The sentence of a `must_use` is for people and may change.
fn without_sentence(attribute: &Attribute) -> Attribute {
    if attribute.path().is_ident("must_use") { parse_quote!(#[must_use]) } else { attribute.clone() }
}

/// The name of a public item.
pub(super) fn public_name(item: &Item) -> Option<String> {
    let (visibility, ident) = parts(item)?;
    matches!(visibility, Visibility::Public(_)).then(|| ident.to_string())
}

fn parts(item: &Item) -> Option<(&Visibility, &Ident)> {
    Some(match item {
        Item::Const(item) => (&item.vis, &item.ident),
        Item::Enum(item) => (&item.vis, &item.ident),
        Item::Fn(item) => (&item.vis, &item.sig.ident),
        Item::Static(item) => (&item.vis, &item.ident),
        Item::Struct(item) => (&item.vis, &item.ident),
        Item::Trait(item) => (&item.vis, &item.ident),
        Item::Type(item) => (&item.vis, &item.ident),
        Item::Union(item) => (&item.vis, &item.ident),
        _ => return None,
    })
}

/// An item as it is shown, under the name that it is offered by; `None` when it is private.
pub(super) fn item(item: &Item, name: Option<&str>) -> Option<Item> {
    public_name(item)?;
    let mut item = item.clone();
    let new_name = |ident: &mut Ident| {
        if let Some(name) = name {
            *ident = Ident::new(name, ident.span());
        }
    };
    match &mut item {
        Item::Const(item) => {
            item.attrs = attributes(&item.attrs);
            new_name(&mut item.ident);
            if matches!(*item.expr, Expr::Array(_) | Expr::Reference(_)) {
                // A table is data, and grows.
                item.expr = parse_quote!(_);
            }
        }
        Item::Enum(item) => {
            item.attrs = attributes(&item.attrs);
            new_name(&mut item.ident);
            for variant in &mut item.variants {
                variant.attrs = attributes(&variant.attrs);
                variant.fields.iter_mut().for_each(|field| field.attrs = attributes(&field.attrs));
            }
        }
        Item::Fn(item) => {
            item.attrs = attributes(&item.attrs);
            *item.block = no_body();
            new_name(&mut item.sig.ident);
        }
        Item::Static(item) => {
            item.attrs = attributes(&item.attrs);
            new_name(&mut item.ident);
        }
        Item::Struct(item) => {
            item.attrs = attributes(&item.attrs);
            new_name(&mut item.ident);
            fields(&mut item.fields);
        }
        Item::Trait(item) => {
            item.attrs = attributes(&item.attrs);
            new_name(&mut item.ident);
            item.items.iter_mut().for_each(trait_item);
        }
        Item::Type(item) => {
            item.attrs = attributes(&item.attrs);
            new_name(&mut item.ident);
        }
        _ => {}
    }
    Some(item)
}

/// An implementation as it is shown; `None` when it offers nothing.
pub(super) fn implementation(item: &ItemImpl) -> Option<ItemImpl> {
    let mut item = ItemImpl { attrs: attributes(&item.attrs), ..item.clone() };
    if item.trait_.is_some() {
        // What is in it is said by the trait, save the types.
        item.items.retain(|inner| matches!(inner, ImplItem::Type(_)));
        return Some(item);
    }
    item.items.retain(|inner| match inner {
        ImplItem::Const(inner) => matches!(inner.vis, Visibility::Public(_)),
        ImplItem::Fn(inner) => matches!(inner.vis, Visibility::Public(_)),
        _ => false,
    });
    for inner in &mut item.items {
        match inner {
            ImplItem::Const(inner) => inner.attrs = attributes(&inner.attrs),
            ImplItem::Fn(inner) => {
                inner.attrs = attributes(&inner.attrs);
                inner.block = no_body();
            }
            _ => {}
        }
    }
    (!item.items.is_empty()).then_some(item)
}

fn trait_item(item: &mut TraitItem) {
    match item {
        TraitItem::Fn(item) => {
            item.attrs = attributes(&item.attrs);
            // Whether there is one says whether it has to be written.
            item.default = item.default.as_ref().map(|_| no_body());
        }
        TraitItem::Const(item) => item.attrs = attributes(&item.attrs),
        TraitItem::Type(item) => item.attrs = attributes(&item.attrs),
        _ => {}
    }
}

/// Leaves the public fields. A tuple keeps its private ones as `()`, for the place of a field is its name.
fn fields(fields: &mut Fields) {
    let is_public = |field: &Field| matches!(field.vis, Visibility::Public(_));
    match fields {
        Fields::Named(named) => {
            let all = std::mem::take(&mut named.named);
            let count = all.len();
            named.named = all.into_iter().filter(is_public).collect();
            if named.named.len() < count {
                named.named.push(parse_quote!(__private: ()));
            }
        }
        Fields::Unnamed(unnamed) => {
            for field in unnamed.unnamed.iter_mut().filter(|field| !is_public(field)) {
                field.ty = parse_quote!(());
            }
        }
        Fields::Unit => {}
    }
    fields.iter_mut().for_each(|field| field.attrs = attributes(&field.attrs));
}

fn no_body() -> Block {
    parse_quote!({})
}
