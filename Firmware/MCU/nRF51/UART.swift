import _Volatile
public enum MCUInfo { 
  public static func hello() {
    let enable = VolatileMappedRegister<UInt32>(unsafeBitPattern: 0x40002500); enable.store(4)
    let start = VolatileMappedRegister<UInt32>(unsafeBitPattern: 0x40002008); start.store(1)
    let txd = VolatileMappedRegister<UInt32>(unsafeBitPattern: 0x4000251C)
    let rdy = VolatileMappedRegister<UInt32>(unsafeBitPattern: 0x4000211C)
    for c in "hello\n".utf8 { txd.store(UInt32(c)); while rdy.load() == 0 {}; rdy.store(0) }
  }
}
