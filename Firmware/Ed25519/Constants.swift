// Field and group constants (RFC 8032, section 5.1), least significant word first.

/// d = -121665/121666
let curveD: InlineArray<8, UInt32> = [
    0x1359_78a3, 0x75eb_4dca, 0x4141_d8ab, 0x0070_0a4d, 0x7779_e898, 0x8cc7_4079, 0x2b6f_fe73, 0x5203_6cee,
]
/// 2d
let curveTwiceD: InlineArray<8, UInt32> = [
    0x26b2_f159, 0xebd6_9b94, 0x8283_b156, 0x00e0_149a, 0xeef3_d130, 0x198e_80f2, 0x56df_fce7, 0x2406_d9dc,
]
/// A square root of -1: 2^((p-1)/4)
let rootOfMinusOne: InlineArray<8, UInt32> = [
    0x4a0e_a0b0, 0xc4ee_1b27, 0xad2f_e478, 0x2f43_1806, 0x3dfb_d7a7, 0x2b4d_0099, 0x4fc1_df0b, 0x2b83_2480,
]
/// L, the order of B: 2^252 + 27742317777372353535851937790883648493
let groupOrder: InlineArray<8, UInt32> = [
    0x5cf5_d3ed, 0x5812_631a, 0xa2f7_9cd6, 0x14de_f9de, 0x0000_0000, 0x0000_0000, 0x0000_0000, 0x1000_0000,
]
/// y of two points of order 8; -y is that of the other two.
let orderEightY: InlineArray<8, UInt32> = [
    0x8f95_e826, 0xb027_b2c2, 0x89f4_c345, 0xf098_eff2, 0x05ac_dfd5, 0x3933_c6d3, 0x8802_38b1, 0x05fc_536d,
]
/// 2^-600 modulo p
let inverseOfSteps: InlineArray<8, UInt32> = [
    0x88dd_407e, 0x6568_3e67, 0xcfc7_44c9, 0x90aa_31a3, 0x4e01_6b14, 0x855b_1b22, 0x2c90_5dc1, 0x4469_d942,
]
