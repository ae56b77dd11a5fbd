import _Volatile
public enum MCUInfo { 
  public static func hello() {
    let base: UInt = 0x40004000
    VolatileMappedRegister<UInt32>(unsafeBitPattern: base + 16).store(16)
    VolatileMappedRegister<UInt32>(unsafeBitPattern: base + 8).store(3)
    for c in "hello\n".utf8 { while VolatileMappedRegister<UInt32>(unsafeBitPattern: base + 4).load() & 1 != 0 {}; VolatileMappedRegister<UInt32>(unsafeBitPattern: base).store(UInt32(c)) }
  }
}
