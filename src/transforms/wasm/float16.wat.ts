/** float32 → float16 in WebAssembly SIMD, 8 values at a time, rounded to nearest, halves to even. */
export const FLOAT16_WAT = `
;; $end - $p must be a multiple of 32; two bytes per value go to $out.
(func $toFloat16 (param $p i32) (param $end i32) (param $out i32)
  (loop $next
    (v128.store 0 $out (i16x8.narrow_i32x4_u ${half(0)} ${half(16)}))
    (local.set $out (i32.add $out 16))
    (br_if $next (i32.lt_u (local.tee $p (i32.add $p 32)) $end))))
${halfFunction()}
`;

function half(offset: number): string {
  return `(call $half (v128.load ${offset} $p))`;
}

/** Four values as the low 16 bits of each lane. Instances call it, so it must be declared. */
function halfFunction(): string {
  const splat = (n: number) => `(i32x4.splat ${n})`;
  return `
(func $half (param $v v128) (result v128) (local $bits v128) (local $made v128)
  (local.set $bits (v128.and $v ${splat(0x7fffffff)}))
  ;; normal: the exponent's bias from 127 to 15, and 13 bits less; adding half of the last place rounds, and one less
  ;; of it where the bit before is 0, so that halves go to even
  (local.set $made (i32x4.shr_u (i32x4.add
    (i32x4.add $bits ${splat(0xfff - 0x38000000)})
    (v128.and (i32x4.shr_u $bits 13) ${splat(1)})) 13))
  ;; below 2^-14: adding 0.5 as float32 leaves the bits of the subnormal in the last places. What is not 0 stays so.
  (local.set $made (v128.bitselect
    (i32x4.max_u (i32x4.sub (f32x4.add $bits (f32x4.splat (f32.const 0.5))) ${splat(0x3f000000)})
      (i32x4.min_u $bits ${splat(1)}))
    $made (i32x4.lt_u $bits ${splat(0x38800000)})))
  ;; what is finite stays so; infinities and NaN
  (local.set $made (i32x4.min_u $made ${splat(0x7bff)}))
  (local.set $made (v128.bitselect $made ${splat(0x7c00)} (i32x4.lt_u $bits ${splat(0x7f800000)})))
  (local.set $made (v128.bitselect ${splat(0x7e00)} $made (i32x4.lt_u ${splat(0x7f800000)} $bits)))
  (v128.or $made (v128.and (i32x4.shr_u $v 16) ${splat(0x8000)})))
`;
}
