// A node on USB: what unmodified libusb programs see of it, and what any pulled cable leaves behind.
import ControlNode
import Emulation
import Foundation
import Keystore
import Provisioning
import Reporting
import SimulatedUSB
import Synchronization
import Testing
import Transport
import VirtualUSB

@Suite("A node on USB", .serialized)
struct USBTests {
    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
    }

    private func list(_ rig: USBRig, denied: Bool = false) throws -> [[String: Any]] {
        let listed = try rig.lightnode("list", "--timeout", "60", "--json", denied: denied)
        #expect(listed.status == 0, "\(listed.error)")
        return try #require(try JSONSerialization.jsonObject(with: Data(listed.output.utf8)) as? [[String: Any]])
    }

    // R18
    @Test("Enumerate, provision, bind and send through libusb; it comes back under its address; nothing broke the specification")
    func chain() throws {
        let rig = try USBRig()
        #expect(rig.complaints.isEmpty, "\(rig.complaints)")
        let blank = try #require(try list(rig).first)
        #expect(blank["board"] as? String == "mps2-an386" && blank["state"] as? String == "blank", "\(blank)")
        #expect((blank["node"] as? String)?.hasPrefix("usb:") == true)

        let provisioned = try rig.lightnode("provision", "--inject-identity", "--timeout", "60", "--json")
        #expect(provisioned.status == 0, "\(provisioned.error)")
        let label = try #require(try json(provisioned.output)["label"] as? String)
        #expect(rig.waitForAddress(), "\(String(describing: rig.controller.description))")
        let bound = try rig.lightnode("bind", label, "--timeout", "60", "--json")
        #expect(bound.status == 0, "\(bound.error)")
        let owned = try #require(try list(rig).first)
        let address = try #require(owned["address"] as? String)
        #expect(owned["node"] as? String == "usb:\(address)" && owned["state"] as? String == "owned", "\(owned)")

        let dark = try rig.board.display().description
        let sent = try rig.lightnode("send", "$('led').on()", "--node", "usb:\(address)", "--timeout", "60", "--json")
        #expect(sent.status == 0, "\(sent.error)")
        #expect(try json(sent.output)["outcome"] as? String == "done")
        #expect(try rig.board.display().description != dark)
        #expect(try rig.lightnode("send", "$('led').on()", "--node", "usb:nowhere", "--json").status == 3)
        #expect(rig.complaints.isEmpty, "\(rig.complaints)")
    }

    @Test("lsusb reads the descriptors of both interfaces and of the platforms")
    func descriptors() throws {
        let rig = try USBRig()
        let listed = try rig.bus.run(["lsusb", "-v", "-d", "1209:0001"])
        #expect(listed.status == 0, "\(listed.error)")
        let expected = [
            "bcdUSB               2.10", "iManufacturer           1 ", "iProduct                2 ", "bNumInterfaces          2",
            "bInterfaceClass       255 ", "bEndpointAddress     0x01  EP 1 OUT", "bEndpointAddress     0x81  EP 1 IN",
            "bInterfaceClass       254 ", "bInterfaceSubClass      1 ", "Device Firmware Upgrade", "wTransferSize",
            "Binary Object Store Descriptor", "Platform Device Capability", "{3408b638-09a9-47a0-8bfd-a0768815b665}",
            "{d8dd60df-4589-4cc7-9cd2-659d9e648a9f}", "bInterfaceSubClass     76 ", "Will Detach",
        ]
        for line in expected { #expect(listed.output.contains(line), "\(line) is not in:\n\(listed.output)\(listed.error)") }
        #expect(!listed.output.contains("unknown") && !listed.output.contains("Couldn't"), "\(listed.output)")
        #expect(rig.complaints.isEmpty, "\(rig.complaints)")
    }

    @Test("A node that may not be opened is listed, with the fix")
    func denied() throws {
        let rig = try USBRig()
        let node = try #require(try list(rig, denied: true).first)
        #expect((node["problem"] as? String)?.contains("permission denied") == true, "\(node)")
        #expect((node["advice"] as? String)?.contains("lightnode udev --install") == true)
        #expect(node["board"] as? String == "mps2-an386")
        let status = try rig.lightnode("status", "--json", denied: true)
        #expect(status.status == 4, "\(status.output)\(status.error)")
    }

    @Test("Two programs do not share a node; Ctrl-C leaves it usable")
    func exclusive() throws {
        let rig = try boundRig()
        let lightnode = Program.beside("lightnode").path
        // Within one system: claims are the kernel's.
        let script = """
            set -m  # or the shell lets its background jobs ignore Ctrl-C
            mkfifo "$LIGHTNODE_HOME/in" && exec 3<>"$LIGHTNODE_HOME/in"
            # Whoever runs the tests in the background has their children ignore SIGINT.
            env --default-signal=INT "\(lightnode)" console <&3 >/dev/null 2>&1 & first=$!
            for _ in $(seq 300); do "\(lightnode)" status 2>&1 | grep -q 'in use' && break; sleep 0.1; done
            "\(lightnode)" status; echo "second $?"
            kill -INT $first; wait $first
            "\(lightnode)" status --timeout 60; echo "third $?"
            """
        let result = try rig.bus.run(["bash", "-c", script], environment: ["LIGHTNODE_HOME": rig.home])
        #expect(result.output.contains("second 3"), "\(result.output)\(result.error)")
        #expect(result.error.contains("in use by another program"), "\(result.output)\(result.error)")
        #expect(result.output.contains("third 0"), "\(result.output)\(result.error)")
        #expect(rig.complaints.isEmpty, "\(rig.complaints)")
    }

    /// A board with an owner, whose home is the rig's.
    private func boundRig() throws -> USBRig {
        let rig = try USBRig()
        let provisioned = try rig.lightnode("provision", "--inject-identity", "--timeout", "60", "--json")
        let label = try #require(try json(provisioned.output)["label"] as? String, "\(provisioned.error)")
        #expect(rig.waitForAddress())
        #expect(try rig.lightnode("bind", label, "--timeout", "60").status == 0)
        return rig
    }

    // MARK: The cable

    @Test("Pulled out at any transfer of a provisioning: the host says so, and provisioning again completes the device")
    func provisioning() async throws {
        var transfer = 0
        var wasStruck = true
        while wasStruck {
            transfer += 1
            let rig = try USBRig()
            let station = Station(home: try rig.scratch.home("factory"))
            var options = Station.Options()
            options.identity = .whereNeeded
            let client = rig.client()
            rig.controller.inject(BusFault(.unplug(deviceSawPacket: transfer % 2 == 0), at: .transfer(transfer)))
            var failure: Failure?
            do { _ = try await station.provision(client, options: options) } catch let error as Failure { failure = error }
            await client.close()
            wasStruck = failure != nil
            #expect(failure == nil || failure?.kind == .unreachable, "\(String(describing: failure))")
            try rig.replug()
            let again = rig.client()
            let provisioned = try await station.provision(again, options: options)
            try await station.finish(provisioned)
            let status = try await NodeProbe(again).status()
            #expect(status.state == .unowned && status.address == provisioned.record.address && status.damaged.isEmpty)
            await again.close()
            #expect(rig.complaints.isEmpty, "transfer \(transfer): \(rig.complaints)")
            try #require(transfer < 100)
        }
        #expect(transfer > 4, "only \(transfer) transfers were struck")
    }

    private func lineArguments(_ labels: String) -> [String] {
        ["provision", "--batch", "usb", "--labels", labels, "--timeout", "60", "--json"]
    }

    private func events(_ text: String) -> [[String: Any]] {
        text.split(separator: "\n").compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
    }

    @Test(
        "The production line over USB: unplugged at any message the device is listed as failed, and the next start completes it")
    func line() throws {
        let labels = "/tmp/ln-usb-labels-\(UInt32.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: labels) }
        let arguments = lineArguments(labels)
        func records(_ rig: USBRig) throws -> [[String: Any]] {
            let shown = try rig.lightnode("batch", "show", "usb", "--json")
            return try #require(
                try JSONSerialization.jsonObject(with: Data(shown.output.utf8)) as? [[String: Any]], "\(shown.error)")
        }
        // The transfers of a run: some of finding the device, then those that carry messages.
        for transfer in [1, 2, 3, 4] {
            let rig = try USBRig()
            rig.controller.inject(BusFault(.unplug(deviceSawPacket: transfer % 2 == 0), at: .transfer(transfer), endpoint: 0x01))
            let failed = try rig.run(arguments)
            if failed.status != 0 {
                #expect(failed.status == 3, "\(transfer): \(failed.output)\(failed.error)")
                let told = events(failed.output).first { $0["event"] as? String == "failed" }
                #expect(
                    (told?["message"] as? String)?.contains("unplugged") == true && told?["advice"] as? String != nil,
                    "\(transfer): \(failed.output)\(failed.error)")
            }
            #expect(transfer > 3 || failed.status != 0, "transfer \(transfer) was not struck: \(failed.output)")
            try rig.replug()
            let again = try rig.run(arguments)
            if failed.status == 0 {
                #expect(again.status == 64 && again.error.contains("provisioned already"), "\(again.output)\(again.error)")
            } else {
                #expect(again.status == 0, "\(transfer): \(again.output)\(again.error)")
            }
            let shown = try records(rig)
            #expect(shown.map { $0["step"] as? String } == ["done"] && shown.first?["serial"] as? Int == 1, "\(shown)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: labels).count == 1)
            #expect(try FileManager.default.contentsOfDirectory(atPath: rig.home).allSatisfy { !$0.hasPrefix("pending-") })
            #expect(rig.complaints.isEmpty, "transfer \(transfer): \(rig.complaints)")
            try? FileManager.default.removeItem(atPath: labels)
        }
    }

    @Test("A watching line leaves a device alone that comes back under the address that it got there: it is no second one")
    func renamed() throws {
        let labels = "/tmp/ln-usb-labels-\(UInt32.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: labels) }
        let arguments = lineArguments(labels)
        let rig = try USBRig()
        // The number of `lightnode` itself: programs between it and the test do not pass signals on.
        let file = rig.scratch.url.path + "/number"
        let watching = try rig.bus.start(
            ["/bin/sh", "-c", "echo $$ > '\(file)'; exec \"$@\"", "sh", Program.beside("lightnode").path] + arguments
                + ["--watch", "--count", "2"], environment: ["LIGHTNODE_HOME": rig.home])
        defer { if watching.process.isRunning { kill(watching.process.processIdentifier, SIGKILL) } }
        #expect(rig.waitForAddress())
        // It is seen again, under its address, and left alone.
        usleep(2_000_000)
        let number = try #require(
            Int32(try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)))
        kill(number, SIGINT)
        let ended = try watching.result()
        #expect(ended.status == 0, "\(ended.output)\(ended.error)")
        #expect(events(ended.output).count { $0["event"] as? String == "done" } == 1)
        #expect(events(ended.output).count { $0["event"] as? String == "failed" } == 0, "\(ended.output)")
        #expect(events(ended.output).count { $0["event"] as? String == "started" } == 1, "\(ended.output)")
        let status = try rig.lightnode("status", "--timeout", "60", "--json")
        #expect((try json(status.output)["status"] as? [String: Any])?["state"] as? String == "unowned", "\(status.error)")
        #expect(rig.complaints.isEmpty, "\(rig.complaints)")
    }

    @Test("Pulled out at any transfer of a command: it is done once or not at all, and a retry succeeds")
    func command() async throws {
        let rig = try USBRig()
        let station = Station(home: try rig.scratch.home("factory"))
        var options = Station.Options()
        options.identity = .whereNeeded
        let first = rig.client()
        let provisioned = try await station.provision(first, options: options)
        await first.close()
        #expect(rig.waitForAddress())
        let home = try rig.scratch.home("owner")
        try ControllerKey.generate().save(to: home.controllerKey)
        let controller = try Controller(home) { nil }
        let binding = rig.client()
        try await RemoteNode(binding, controller: controller).bind(label: provisioned.label)
        await binding.close()

        var transfer = 0
        var wasStruck = true
        while wasStruck {
            transfer += 1
            for deviceSawPacket in [false, true] {
                let client = rig.client()
                let before = try await NodeProbe(client).status()
                rig.controller.inject(BusFault(.unplug(deviceSawPacket: deviceSawPacket), at: .transfer(transfer)))
                var error: (any Error)?
                do { _ = try await RemoteNode(client, controller: controller).`$`("led").toggle() } catch let thrown {
                    error = thrown
                }
                await client.close()
                wasStruck = error != nil
                try rig.replug()
                let again = rig.client()
                let after = try await NodeProbe(again).status()
                #expect(after.state == .owned && after.damaged.isEmpty)
                #expect((before.nextIndex...before.nextIndex + 1).contains(after.nextIndex), "transfer \(transfer)")
                if error == nil { #expect(after.nextIndex == before.nextIndex + 1) }
                _ = try await RemoteNode(again, controller: controller).`$`("led").toggle()
                #expect(try await NodeProbe(again).status().nextIndex == after.nextIndex + 1)
                await again.close()
            }
            #expect(rig.complaints.isEmpty, "transfer \(transfer): \(rig.complaints)")
            try #require(transfer < 100)
        }
        #expect(transfer > 2, "only \(transfer) transfers were struck")
    }

    @Test("Through libusb, an unplugged node is reported as such, and the same command goes through when it is back")
    func unplugged() throws {
        let rig = try boundRig()
        for transfer in [1, 2, 3] {
            rig.controller.inject(BusFault(.unplug(deviceSawPacket: transfer == 2), at: .transfer(transfer), endpoint: 0x01))
            let failed = try rig.lightnode("send", "$('led').toggle()", "--timeout", "60", "--json")
            if transfer == 1 {
                #expect([2, 3].contains(failed.status), "\(failed.output)\(failed.error)")
                #expect(failed.error.contains("unplugged"), "\(failed.error)")
            }
            try rig.replug()
            let again = try rig.lightnode("send", "$('led').toggle()", "--timeout", "60", "--json")
            #expect(again.status == 0, "\(again.output)\(again.error)")
        }
        #expect(rig.complaints.isEmpty, "\(rig.complaints)")
    }

    @Test("Through libusb, a node pulled out in a command and plugged in again at once does it once, and the command succeeds")
    func replugged() async throws {
        let rig = try boundRig()
        // Asked by a program too: the port is reset whenever a program ends, which a client in this process would meet.
        func entries() throws -> Int {
            let status = try rig.lightnode("status", "--timeout", "60", "--json")
            let node = try json(status.output)["status"] as? [String: Any]
            return try #require(node?["nextIndex"] as? Int, "\(status.output)\(status.error)")
        }
        // Every packet that the command sends, lost on its way and lost with its handshake; then packets that the node sends.
        let faults: [(endpoint: UInt8, transfer: Int, deviceSawPacket: Bool)] = [
            (0x01, 1, false), (0x01, 1, true), (0x01, 2, false), (0x01, 2, true),
            (0x81, 1, true), (0x81, 2, false), (0x81, 2, true),
        ]
        for (endpoint, transfer, deviceSawPacket) in faults {
            let before = try entries()
            let isPulled = Mutex(false)
            let isBack = DispatchSemaphore(value: 0)
            rig.controller.inject(
                BusFault(.unplug(deviceSawPacket: deviceSawPacket), at: .transfer(transfer), endpoint: endpoint))
            Thread {
                isPulled.withLock { $0 = rig.controller.waitForDeparture(timeout: 60) }
                rig.controller.plug()
                isBack.signal()
            }.start()
            let sent = try rig.lightnode("send", "$('led').toggle()", "--timeout", "60", "--json")
            let place = "transfer \(transfer) of endpoint \(endpoint), seen \(deviceSawPacket)"
            #expect(sent.status == 0, "\(place): \(sent.output)\(sent.error)")
            // The last packet of all may have been the one.
            await withCheckedContinuation { done in
                DispatchQueue.global().async {
                    isBack.wait()
                    done.resume()
                }
            }
            #expect(isPulled.withLock { $0 }, "\(place): nothing was pulled")
            _ = try #require(rig.controller.waitForDevice(timeout: 60), "\(place): \(rig.complaints)")
            #expect(try entries() == before + 1, "\(place)")
        }
        #expect(rig.complaints.isEmpty, "\(rig.complaints)")
    }
}
