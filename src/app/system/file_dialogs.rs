/// Asks on Linux and its kin for the file chooser of the portal (D-Bus), or else for zenity.
#[cfg(all(unix, not(target_os = "macos")))]
pub fn has_file_dialogs() -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    has_portal().is_ok() || std::env::split_paths(&folders).any(|folder| folder.join("zenity").is_file())
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
pub fn has_file_dialogs() -> bool {
    true
}

#[cfg(all(unix, not(target_os = "macos")))]
fn has_portal() -> zbus::Result<()> {
    // A portal that is started only now takes a while; one that never answers must not hold up a person.
    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
    pollster::block_on(async {
        let bus = zbus::connection::Builder::session()?.method_timeout(PATIENCE).build().await?;
        let asked = ("org.freedesktop.portal.FileChooser", "version");
        bus.call_method(
            Some("org.freedesktop.portal.Desktop"),
            "/org/freedesktop/portal/desktop",
            Some("org.freedesktop.DBus.Properties"),
            "Get",
            &asked,
        )
        .await
        .map(|_| ())
    })
}
