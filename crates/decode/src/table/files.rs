//! The files of tables that are part of the program.

macro_rules! files {
    ($($name:literal,)*) => {
        /// Names and texts.
        pub(super) const FILES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../schemas/", $name))),)*];
    };
}

files! {
    "LsaSrv.txt",
    "Microsoft-Antimalware-Scan-Interface.txt",
    "Microsoft-Windows-AppLocker.txt",
    "Microsoft-Windows-AppModel-Runtime.txt",
    "Microsoft-Windows-AppXDeployment-Server.txt",
    "Microsoft-Windows-AppxPackagingOM.txt",
    "Microsoft-Windows-Bits-Client.txt",
    "Microsoft-Windows-CAPI2.txt",
    "Microsoft-Windows-CertificateServicesClient-Lifecycle-System.txt",
    "Microsoft-Windows-CodeIntegrity.txt",
    "Microsoft-Windows-Crypto-DPAPI.txt",
    "Microsoft-Windows-DNS-Client.txt",
    "Microsoft-Windows-Diagnosis-Scripted.txt",
    "Microsoft-Windows-DotNETRuntime.txt",
    "Microsoft-Windows-DotNETRuntimePrivate.txt",
    "Microsoft-Windows-DotNETRuntimeRundown.txt",
    "Microsoft-Windows-DriverFrameworks-UserMode.txt",
    "Microsoft-Windows-Eventlog.txt",
    "Microsoft-Windows-Kernel-Audit-API-Calls.txt",
    "Microsoft-Windows-Kernel-EventTracing.txt",
    "Microsoft-Windows-Kernel-File.txt",
    "Microsoft-Windows-Kernel-Network.txt",
    "Microsoft-Windows-Kernel-Process.txt",
    "Microsoft-Windows-Kernel-Registry.txt",
    "Microsoft-Windows-LDAP-Client.txt",
    "Microsoft-Windows-NTLM.txt",
    "Microsoft-Windows-PowerShell.txt",
    "Microsoft-Windows-PrintService.txt",
    "Microsoft-Windows-RPC.txt",
    "Microsoft-Windows-SMBClient.txt",
    "Microsoft-Windows-SMBServer.txt",
    "Microsoft-Windows-Security-Auditing.txt",
    "Microsoft-Windows-Security-Mitigations.txt",
    "Microsoft-Windows-Shell-Core.txt",
    "Microsoft-Windows-Sysmon.txt",
    "Microsoft-Windows-TaskScheduler.txt",
    "Microsoft-Windows-TerminalServices-LocalSessionManager.txt",
    "Microsoft-Windows-Threat-Intelligence.txt",
    "Microsoft-Windows-VHDMP.txt",
    "Microsoft-Windows-WMI-Activity.txt",
    "Microsoft-Windows-Windows_Defender.txt",
    "Microsoft-Windows-Windows_Firewall_With_Advanced_Security.txt",
    "Service_Control_Manager.txt",
    "classic.file.txt",
    "classic.network.txt",
    "classic.process.txt",
    "classic.registry.txt",
    "classic.system.txt",
    "etwatch.txt",
    "more.classic.txt",
    "more.dotnet.txt",
}
