//! The shape of the code as ARCHITECTURE.md states it: the `use` lines of the window keep to its layers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A module of `src/app` by its path, such as `pages::explore::state`; the root is empty.
type Module = String;

/// The modules that each module imports from.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Reads the layers, lowest first: the numbered lines below the heading, each with its patterns of modules in
/// backticks.
fn layers() -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let section = text.split("## Layers of the window").nth(1).expect("the heading of the layers");
    let section = section.split("\n## ").next().expect("a section");
    let mut layers: Vec<Vec<String>> = Vec::new();
    for line in section.lines() {
        let is_first = line.split_once(". ").is_some_and(|(number, _)| number.parse::<usize>().is_ok());
        if is_first {
            layers.push(Vec::new());
        } else if !line.starts_with("   ") {
            continue;
        }
        let patterns = line.split('`').skip(1).step_by(2).map(str::to_owned);
        layers.last_mut().expect("a numbered line comes first").extend(patterns);
    }
    layers
}

/// Tells whether a module is named by a pattern, in which `*` stands for any modules.
fn fits(module: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => module == pattern,
        Some((before, after)) => {
            let rest = module.strip_prefix(before);
            rest.is_some_and(|rest| (1..=rest.len()).any(|at| rest.is_char_boundary(at) && fits(&rest[at..], after)))
        }
    }
}

/// Returns the number of the layer of a module: that of the most telling pattern.
fn layer_of(module: &str, layers: &[Vec<String>]) -> Option<usize> {
    let name = if module.is_empty() { "mod" } else { module };
    let named = layers.iter().enumerate().flat_map(|(at, patterns)| patterns.iter().map(move |pattern| (at, pattern)));
    let fitting = named.filter(|(_, pattern)| fits(name, pattern));
    fitting.max_by_key(|(_, pattern)| (!pattern.contains('*'), pattern.len())).map(|(at, _)| at)
}

/// Collects the source files of a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the source") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Splits `a::{b, c::{d, e}}` into its single paths.
fn expand(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else { return vec![tree.split(" as ").next().unwrap_or(tree).trim().to_owned()] };
    let (before, inner) = (&tree[..open], &tree[open + 1..tree.rfind('}').expect("a closing brace")]);
    let (mut parts, mut depth, mut part) = (Vec::new(), 0, String::new());
    for letter in inner.chars() {
        match letter {
            ',' if depth == 0 => parts.push(std::mem::take(&mut part)),
            _ => {
                depth += i32::from(letter == '{') - i32::from(letter == '}');
                part.push(letter);
            }
        }
    }
    parts.push(part);
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| expand(part)).map(|path| format!("{before}{path}")).collect()
}

/// Resolves an imported path to the module of `src/app` that it leads to.
fn resolve(module: &str, path: &str, known: &BTreeSet<Module>) -> Option<Module> {
    let mut base: Vec<&str> = module.split("::").filter(|part| !part.is_empty()).collect();
    let mut rest = path;
    if let Some(inside) = path.strip_prefix("crate::app") {
        (base, rest) = (Vec::new(), inside.trim_start_matches("::"));
    } else if path.starts_with("super") {
        while let Some(outer) = rest.strip_prefix("super") {
            base.pop();
            rest = outer.trim_start_matches("::");
        }
    } else {
        return None;
    }
    base.extend(rest.split("::").filter(|part| !part.is_empty() && *part != "self"));
    while !base.is_empty() && !known.contains(&base.join("::")) {
        base.pop();
    }
    Some(base.join("::"))
}

/// Reads what every module of `src/app` imports from the others, tests left out.
fn imports() -> Imports {
    let app = root().join("src/app");
    let mut found = Vec::new();
    files(&app, &mut found);
    let name = |path: &PathBuf| {
        let inside = path.strip_prefix(&app).expect("inside").with_extension("");
        let parts = inside.iter().map(|part| part.to_str().expect("a plain name")).filter(|part| *part != "mod");
        parts.collect::<Vec<_>>().join("::")
    };
    let known: BTreeSet<Module> = found.iter().map(name).collect();
    let mut imports = Imports::new();
    for path in &found {
        let module = name(path);
        let text = std::fs::read_to_string(path).expect("a source file");
        let text = text.replace("\npub mod tests {", "\nmod tests {");
        let text = text.split("#[cfg(test)]\nmod tests {").next().expect("what stands before the tests");
        let targets = imports.entry(module.clone()).or_default();
        if module == "tests" || module.ends_with("::tests") {
            continue;
        }
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let line = line.trim().trim_start_matches("pub(crate) ").trim_start_matches("pub ");
            let Some(first) = line.strip_prefix("use ") else { continue };
            let mut tree = first.to_owned();
            while !tree.ends_with(';') {
                tree += lines.next().expect("the end of an import").trim();
            }
            let paths = expand(tree.trim_end_matches(';'));
            targets.extend(paths.iter().filter_map(|path| resolve(&module, path, &known)));
        }
        targets.remove(&module);
    }
    imports
}

/// Finds all that can be reached from a module.
fn reached(from: &str, imports: &Imports) -> BTreeSet<Module> {
    let (mut seen, mut left) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(module) = left.pop() {
        for next in imports.get(&module).into_iter().flatten() {
            if seen.insert(next.clone()) {
                left.push(next.clone());
            }
        }
    }
    seen
}

#[test]
fn no_module_of_the_window_imports_from_a_layer_above_its_own() {
    let (layers, imports) = (layers(), imports());
    assert!(layers.len() >= 5 && imports.len() > 60, "{} layers, {} modules", layers.len(), imports.len());
    let count: usize = imports.values().map(BTreeSet::len).sum();
    assert!(count > 300, "only {count} imports were read");
    let layer = |module: &str| {
        let found = layer_of(module, &layers);
        found.unwrap_or_else(|| panic!("ARCHITECTURE.md lists no layer for the module {module:?} of src/app"))
    };
    let upwards = imports.iter().flat_map(|(module, targets)| {
        let up = targets.iter().filter(|target| layer(target) > layer(module));
        up.map(move |target| format!("{module} imports from {target}, which lies above it"))
    });
    let upwards: Vec<_> = upwards.collect();
    assert!(upwards.is_empty(), "{}", upwards.join("\n"));
}

#[test]
fn no_circle_of_files_of_the_window_is_larger_than_two() {
    let imports = imports();
    for module in imports.keys() {
        let circle = reached(module, &imports).into_iter().filter(|other| reached(other, &imports).contains(module));
        let circle: Vec<_> = circle.collect();
        assert!(circle.len() <= 2, "these files import each other in a circle: {}", circle.join(", "));
    }
}

#[test]
fn patterns_of_modules_are_understood() {
    assert!(fits("widgets", "widgets") && fits("widgets::rail", "widgets::*") && !fits("widgets", "widgets::*"));
    assert!(fits("pages::train::state::run", "pages::*::state::*") && !fits("pages::train::run", "pages::*::state::*"));
    assert_eq!(expand("a::{b, c::{d as e, f}}"), ["a::b", "a::c::d", "a::c::f"]);
}
