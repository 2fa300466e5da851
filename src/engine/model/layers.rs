//! A manifest describes a net in one of two forms: `layers`, a list in which `residual` and `concat` hold lists, or
//! `graph`, a flat list whose entries say what they read.

use std::collections::HashMap;

use toml::{Table, Value};

use super::graph::{Graph, ValueId};
use super::operations::{BinarySpec, Join, Operation};
use super::shape::Shape;

/// The depth to which `residual` and `concat` may nest, so that a hostile manifest cannot exhaust the stack.
const MAX_DEPTH: usize = 16;

/// The name of the picture in a `graph`.
const INPUT: &str = "input";

/// Makes a graph of the `layers` of a manifest; refuses, by name, unknown kinds, missing and unknown fields, impossible
/// numbers, and a layer that gets a shape that it cannot take.
pub fn graph_of_layers(layers: &[Value], input: Shape) -> Result<Graph, String> {
    let mut graph = Graph::new(input);
    graph.output = add_layers(&mut graph, layers, 0, "layers")?;
    Ok(graph)
}

fn add_layers(graph: &mut Graph, layers: &[Value], x: ValueId, place: &str) -> Result<ValueId, String> {
    if place.matches('.').count() > MAX_DEPTH {
        return Err(format!("{place}: more than {MAX_DEPTH} combinators inside one another"));
    }
    layers.iter().enumerate().try_fold(x, |x, (i, layer)| add_layer(graph, layer, x, &format!("{place}[{i}]")))
}

fn add_layer(graph: &mut Graph, layer: &Value, x: ValueId, place: &str) -> Result<ValueId, String> {
    let fields = layer.as_table().ok_or_else(|| format!("{place}: expected a table such as {{ kind = \"relu\" }}"))?;
    let list = |key: &str| match fields.get(key) {
        None => Ok(&[][..]),
        Some(list) => list.as_array().map(Vec::as_slice).ok_or_else(|| format!("{place}: {key} is no list of layers")),
    };
    match fields.get("kind").and_then(Value::as_str) {
        Some("residual") => {
            expect_keys(fields, &["kind", "body", "shortcut"], place)?;
            if !fields.contains_key("body") {
                return Err(format!("{place}: missing field `body`"));
            }
            let body = add_layers(graph, list("body")?, x, &format!("{place}.body"))?;
            let shortcut = add_layers(graph, list("shortcut")?, x, &format!("{place}.shortcut"))?;
            let (added, to) = (graph.shape(body), graph.shape(shortcut));
            if added != to {
                let expected = "expected equal shapes";
                return Err(format!(
                    "{place}: residual adds {added} from its body to {to} from its shortcut, {expected}"
                ));
            }
            graph.push(BinarySpec::Add {}, &[body, shortcut]).map_err(|why| format!("{place}: residual {why}"))
        }
        Some("concat") => {
            expect_keys(fields, &["kind", "branches"], place)?;
            let branches = list("branches")?;
            if branches.is_empty() {
                return Err(format!("{place}: concat has no branches; expected at least one"));
            }
            let mut parts = Vec::with_capacity(branches.len());
            for (i, branch) in branches.iter().enumerate() {
                let place = format!("{place}.branches[{i}]");
                let layers = branch.as_array().ok_or_else(|| format!("{place} is no list of layers"))?;
                parts.push(add_layers(graph, layers, x, &place)?);
            }
            let expected = "expected them to differ in channels only";
            let joined = graph.push(Join { axis: 0 }, &parts);
            joined.map_err(|_| format!("{place}: concat gets branches of different sizes, {expected}"))
        }
        _ => push(graph, fields.clone(), Some(&[x]), place),
    }
}

fn expect_keys(fields: &Table, known: &[&str], place: &str) -> Result<(), String> {
    match fields.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("{place}: unknown field `{key}`, expected one of {}", known[1..].join(", "))),
        None => Ok(()),
    }
}

/// Adds an operation, whose refusals are put behind its place and name. Without inputs it reads what was made last, if
/// it reads anything.
fn push(graph: &mut Graph, fields: Table, inputs: Option<&[ValueId]>, place: &str) -> Result<ValueId, String> {
    let name = fields.get("name").and_then(Value::as_str).map(str::to_owned);
    let named = name.as_ref().map_or(place.to_owned(), |name| format!("{place} ({name})"));
    let operation = Operation::parse(fields).map_err(|why| format!("{named}: {why}"))?;
    operation.check().map_err(|why| format!("{named}: {why}"))?;
    let kind = operation.kind();
    let name = name.map(|name| format!(" {name:?}")).unwrap_or_default();
    let last = [graph.output];
    let inputs = inputs.unwrap_or(if *operation.arity().end() == 0 { &[] } else { &last });
    graph.push(operation, inputs).map_err(|why| format!("{place}: {kind}{name} {why}"))
}

/// Makes a graph of the `graph` of a manifest. An entry reads what the one before it made, or what `from` lists by
/// name; `as` gives a name to what it makes. The picture is called "input".
pub fn graph_of_entries(entries: &[Value], input: Shape) -> Result<Graph, String> {
    let mut graph = Graph::new(input);
    let mut names = HashMap::from([(INPUT.to_owned(), 0)]);
    for (i, entry) in entries.iter().enumerate() {
        let place = format!("graph[{i}]");
        let mut fields = entry.as_table().cloned().ok_or_else(|| format!("{place}: expected a table"))?;
        let (from, to) = (fields.remove("from"), fields.remove("as"));
        let inputs = match from {
            None => None,
            Some(from) => {
                let list = from.as_array().ok_or_else(|| format!("{place}: from is no list of names"))?;
                let named = |name: &Value| {
                    let name = name.as_str().ok_or_else(|| format!("{place}: from is no list of names"))?;
                    names.get(name).copied().ok_or_else(|| format!("{place}: nothing before it is called {name:?}"))
                };
                Some(list.iter().map(named).collect::<Result<Vec<_>, _>>()?)
            }
        };
        let value = push(&mut graph, fields, inputs.as_deref(), &place)?;
        if let Some(name) = to {
            let name = name.as_str().ok_or_else(|| format!("{place}: as is no name"))?;
            if names.insert(name.to_owned(), value).is_some() {
                return Err(format!("{place}: there is a value called {name:?} already"));
            }
        }
    }
    Ok(graph)
}

/// Returns the entries of a graph as they stand in a manifest.
///
/// # Errors
/// A number that TOML cannot hold.
pub fn entries_of(graph: &Graph) -> Result<Vec<Value>, String> {
    let nodes = graph.nodes();
    // What only the next node reads, and nothing else, needs no name.
    let follows = |number: usize| nodes[number].inputs == [number];
    let mut is_named = vec![false; nodes.len() + 1];
    for (number, node) in nodes.iter().enumerate().filter(|(number, _)| !follows(*number)) {
        node.inputs.iter().for_each(|&input| is_named[input] = true);
        debug_assert!(node.inputs.iter().all(|&input| input <= number));
    }
    let name = |value: ValueId| if value == 0 { INPUT.to_owned() } else { format!("v{value}") };
    let mut entries = Vec::with_capacity(nodes.len());
    for (number, node) in nodes.iter().enumerate() {
        let mut fields = node.operation.fields().map_err(|e| e.to_string())?;
        if !follows(number) {
            let from = node.inputs.iter().map(|&input| Value::String(name(input))).collect();
            fields.insert("from".to_owned(), Value::Array(from));
        }
        if is_named[number + 1] {
            fields.insert("as".to_owned(), Value::String(name(number + 1)));
        }
        entries.push(Value::Table(fields));
    }
    Ok(entries)
}
