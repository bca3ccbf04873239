import HWModels
import InputFiles
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

private func write(_ bytes: [UInt8], name: String) throws -> String {
  let path = "/tmp/attnsim-test-\(getpid())-\(name)"
  let file = try #require(fopen(path, "w"))
  defer { fclose(file) }
  #expect(bytes.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) } == bytes.count)
  return path
}

@Suite("Files that are no files of ours")
struct RobustnessTests {
  static let texts: [(name: String, text: String, part: String)] = [
    ("empty", "", "empty"),
    ("blank", "  \n\n", "empty"),
    ("only a comment", "# nothing\n", "empty"),
    ("a scalar", "hello\n", "written as 'key: value' lines"),
    ("a list", "- a\n- b\n", "written as 'key: value' lines"),
    ("two documents", "id: a\n---\nid: b\n", "another document"),
    ("an anchor", "id: &a x\nname: *a\n", "anchors and aliases"),
    ("an alias bomb", "a: &a [x,x]\nb: &b [*a,*a]\n? [*b,*b]\n: 1\n", "anchors and aliases"),
    ("deep flow nesting", "a: " + String(repeating: "[", count: 100_000), "nested more than"),
    ("deep block nesting", "a:\n" + String(repeating: "- ", count: 100_000), "nested more than"),
    ("tabs", "dram:\n\tbandwidth: 1\n", "not YAML"),
    ("a control character", "id: a\u{1}b\n", "control character"),
    ("an open quote", "id: \"abc\n", "not YAML"),
    ("an open brace", "id: { a: b\n", "not YAML"),
  ]

  @Test("One clear diagnostic", arguments: texts)
  func text(name: String, text: String, part: String) {
    for found in [
      diagnostics { () throws(InputError) in try DeviceFile.read(SourceText(name: "x", text: text)) },
      diagnostics { () throws(InputError) in
        try ScenarioFile.read(SourceText(name: "x", text: text), devices: library)
      },
      diagnostics { () throws(InputError) in try KernelMap(SourceText(name: "x", text: text)) },
    ] {
      #expect(found.count == 1, "\(name): \(InputError(found))")
      #expect(found.first?.message.contains(part) == true, "\(name): \(InputError(found))")
    }
  }

  @Test("Blocks nested deep by indentation are refused")
  func indentation() {
    var text = ""
    for depth in 0..<3000 { text += String(repeating: " ", count: depth) + "a:\n" }
    let found = diagnostics { () throws(InputError) in try DeviceFile.read(SourceText(name: "x", text: text))
    }
    #expect(!found.isEmpty)
  }

  @Test("A missing file, a directory, an empty name")
  func unreadable() {
    for (path, part) in [
      ("/nonexistent/x.yaml", "cannot open"), ("/tmp", "is a directory"), ("", "file name is empty"),
    ] {
      let found = diagnostics { () throws(InputError) in try DeviceFile.load(path) }
      #expect(found.count == 1)
      #expect(found.first?.message.contains(part) == true)
    }
  }

  @Test("Bytes that are not UTF-8 are found by line and column")
  func invalidUTF8() throws {
    let path = try write(Array("id: a\nname: é".utf8) + [0xC3, 0x28, 0x0A], name: "utf8.yaml")
    defer { unlink(path) }
    let found = diagnostics { () throws(InputError) in try DeviceFile.load(path) }
    check(found, at: [.init(line: 2, column: 8)], saying: ["byte 0xC3 is not UTF-8"])
  }

  @Test("A file over the limit is refused before it is read")
  func large() throws {
    let path = "/tmp/attnsim-test-\(getpid())-large.yaml"
    let descriptor = open(path, O_CREAT | O_RDWR, 0o600)
    defer { unlink(path) }
    #expect(ftruncate(descriptor, 100 << 20) == 0)
    close(descriptor)
    let found = diagnostics { () throws(InputError) in try DeviceFile.load(path) }
    #expect(found.first?.message == "larger than the limit of 4 MiB")
    let endless = diagnostics { () throws(InputError) in try DeviceFile.load("/dev/zero") }
    #expect(endless.first?.message == "larger than the limit of 4 MiB")
  }

  @Test("A byte order mark is dropped")
  func byteOrderMark() throws {
    let text = try SourceText.load("\(checkout)/hardware/h100-sxm5.yaml").text
    let device = try DeviceFile.read(SourceText(name: "h100-sxm5.yaml", text: "\u{FEFF}" + text))
    #expect(device.id == "h100-sxm5")
  }

  @Test("Random damage gives diagnostics or a valid device, never a trap", arguments: 0..<8)
  func mutations(seed: Int) throws {
    let original = Array(try SourceText.load("\(checkout)/hardware/h100-sxm5.yaml").text.unicodeScalars)
    let alphabet = Array("{}[]:,#&*!|>'\"%@-? \n\t\\0129eExMGµ\u{0}\u{85}\u{2028}\u{FEFF}".unicodeScalars)
    var generator = SplitMix(seed: UInt64(seed))
    for round in 0..<40 {
      var scalars = original
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        let place = Int.random(in: 0..<scalars.count, using: &generator)
        let letter = alphabet.randomElement(using: &generator) ?? " "
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: scalars[place] = letter
        case 1: scalars.insert(letter, at: place)
        case 2:
          scalars.removeSubrange(
            place..<min(place + Int.random(in: 1...40, using: &generator), scalars.count))
        default:
          let end = min(place + Int.random(in: 1...80, using: &generator), scalars.count)
          scalars.insert(
            contentsOf: scalars[place..<end], at: Int.random(in: 0..<scalars.count, using: &generator))
        }
      }
      var view = String.UnicodeScalarView()
      view.append(contentsOf: scalars)
      let source = SourceText(name: "h100-sxm5.yaml", text: String(view))
      do {
        let device = try DeviceFile.read(source)
        #expect(device.problems().isEmpty, "seed \(seed) round \(round)")
      } catch {
        #expect(!error.diagnostics.isEmpty, "seed \(seed) round \(round)")
        #expect(!error.description.isEmpty)
      }
    }
  }
}
