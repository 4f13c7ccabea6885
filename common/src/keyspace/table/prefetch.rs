//! A hint to the processor that an address will be read soon; without effect on the program.

/// Asks for the cache line at `address`, which may be any address at all.
#[inline]
#[expect(unsafe_code, reason = "a prefetch never faults and has no effect that the program sees")]
pub fn read<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction ignores addresses that cannot be read; SSE is part of x86_64.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
