//! A pickle is a tree, and its tensors get names in it: `state_dict.module.conv1.weight`.

use std::collections::BTreeMap;

use super::objects::{Object, ObjectId, Tensor};
use super::pickle::{Pickle, SAVE_STATE};

/// Deeper than this nothing is looked for.
const MAX_DEPTH: usize = 16;

/// The most objects with members that are looked through, and the most tensors.
const MOST: usize = 100_000;

/// A longer name is passed over.
const LONGEST_NAME: usize = 1000;

/// A tensor with where its dictionary ends in its name.
pub struct Named {
    pub tensor: Tensor,
    /// The length of what stands before its own name: that of `state_dict.` in `state_dict.conv1.weight`.
    pub within: usize,
}

/// The tensors of a pickle.
#[derive(Default)]
pub struct Table {
    pub tensors: BTreeMap<String, Named>,
    /// What stands in a dictionary and is of a class that is not known here, with the name of the class.
    pub strangers: BTreeMap<String, String>,
    /// Where whole modules are, in Python: `["model"]`, or nothing for the file itself.
    modules: Vec<(String, String)>,
}

/// An object with members on the way through the tree.
struct Place {
    id: ObjectId,
    name: String,
    /// The expression by which Python reaches it from the whole.
    python: String,
    depth: usize,
}

impl Table {
    /// Gathers the tensors of a pickle; refuses one that holds none with a name.
    pub fn of(pickle: &Pickle) -> Result<Self, String> {
        let mut table = Self::default();
        let mut open = vec![Place { id: pickle.root, name: String::new(), python: String::new(), depth: 0 }];
        let (mut visited, mut is_named) = (0, false);
        while let Some(place) = open.pop() {
            visited += 1;
            if visited.max(table.tensors.len()).max(table.strangers.len()) > MOST {
                return Err(format!("it holds more than {MOST} objects or tensors"));
            }
            let at = |key: &str| if place.name.is_empty() { key.to_owned() } else { format!("{}.{key}", place.name) };
            let below = |id: ObjectId, key: &str, shown: String| Place {
                id,
                name: at(key),
                python: format!("{}[{shown}]", place.python),
                depth: place.depth + 1,
            };
            let within = if place.name.is_empty() { 0 } else { place.name.len() + 1 };
            let mut add = |id: ObjectId, key: &str, shown: String| {
                let name = within + key.len();
                match &pickle.objects[id] {
                    _ if name > LONGEST_NAME => {}
                    Object::Tensor(tensor) => {
                        is_named |= shown.starts_with('"') || place.python.contains('"');
                        table.tensors.insert(at(key), Named { tensor: tensor.as_ref().clone(), within });
                    }
                    Object::Dict(_) | Object::List(_) | Object::Tuple(_) if place.depth < MAX_DEPTH => {
                        open.push(below(id, key, shown));
                    }
                    Object::Other(other) => {
                        if let Some(class) = pickle.class(id) {
                            table.strangers.insert(at(key), class.to_owned());
                        }
                        if pickle.is_module(id) {
                            let class = pickle.class(id).unwrap_or_default().to_owned();
                            table.modules.push((format!("{}[{shown}]", place.python), class));
                        } else if !other.entries.is_empty() && place.depth < MAX_DEPTH {
                            open.push(below(id, key, shown));
                        }
                    }
                    _ => {}
                }
            };
            match &pickle.objects[place.id] {
                Object::Dict(entries) => add_entries(pickle, entries, &mut add),
                Object::Other(other) => {
                    add_entries(pickle, &other.entries, &mut add);
                    if place.depth == 0 {
                        let class = pickle.class(place.id).unwrap_or_default().to_owned();
                        if pickle.is_module(place.id) {
                            table.modules.push((String::new(), class));
                        } else {
                            table.strangers.insert(String::new(), class);
                        }
                    }
                }
                Object::List(members) | Object::Tuple(members) => {
                    for (i, &member) in members.iter().enumerate() {
                        let number = i.to_string();
                        add(member, &number, number.clone());
                    }
                }
                _ => {}
            }
        }
        if is_named { Ok(table) } else { Err(table.why_empty(pickle)) }
    }

    fn why_empty(&self, pickle: &Pickle) -> String {
        const STATE: &str = "expected a state_dict";
        if let Some((place, class)) = self.modules.first() {
            return format!(
                "it is a whole module pickled, {class}, which only its own Python code can bring back; nothing of it \
                 was run. Save its weights alone:\n  torch.save(torch.load(FILE, weights_only=False){place}\
                 .state_dict(), \"weights.pth\")"
            );
        }
        if !self.tensors.is_empty() {
            let count = self.tensors.len();
            return format!("its tensors, {count}, have no names; {STATE}. {SAVE_STATE}");
        }
        if matches!(pickle.objects[pickle.root], Object::Tensor(_)) {
            return format!("it holds one tensor, which has no name; {STATE}. {SAVE_STATE}");
        }
        let mut classes: Vec<&str> = self.strangers.values().map(String::as_str).collect();
        classes.sort_unstable();
        classes.dedup();
        classes.truncate(3);
        match classes.is_empty() {
            true => format!("it holds no dictionary of tensors by name; {STATE}"),
            false => format!(
                "it holds no dictionary of tensors by name, only objects of Python ({}); nothing of them was run. \
                 {SAVE_STATE}",
                classes.join(", ")
            ),
        }
    }
}

fn add_entries(pickle: &Pickle, entries: &[(ObjectId, ObjectId)], add: &mut impl FnMut(ObjectId, &str, String)) {
    for &(key, value) in entries {
        match &pickle.objects[key] {
            Object::Text(key) => add(value, key, format!("{key:?}")),
            Object::Int(key) => add(value, &key.to_string(), key.to_string()),
            _ => {}
        }
    }
}
