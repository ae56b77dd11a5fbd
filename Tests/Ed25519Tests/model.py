"""Ed25519 over Python's integers, written from RFC 8032: the model that tables and test vectors come from. Slow and plain on purpose."""
import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def inverse(x):
    return pow(x, -1, P) if x % P else 0


def root_floor(n, degree, bits):
    """The first `bits` fractional bits of the root of n."""
    low, high = 0, 1 << (bits + 16)
    while high - low > 1:
        middle = (low + high) // 2
        if middle**degree <= n << (bits * degree):
            low = middle
        else:
            high = middle
    return low & ((1 << bits) - 1)


def primes(count):
    found = []
    n = 2
    while len(found) < count:
        if all(n % p for p in found):
            found.append(n)
        n += 1
    return found


def recover_x(y, sign):
    """RFC 8032, 5.1.3, or None where there is no such point."""
    if y >= P:
        return None
    square = (y * y - 1) * inverse(D * y * y + 1) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * SQRT_M1 % P
    if (x * x - square) % P:
        return None
    if x == 0 and sign:
        return None
    return P - x if x & 1 != sign else x


def add(p, q):
    x1, y1 = p
    x2, y2 = q
    t = D * x1 * x2 * y1 * y2 % P
    return (x1 * y2 + x2 * y1) * inverse(1 + t) % P, (y1 * y2 + x1 * x2) * inverse(1 - t) % P


def multiple(k, p):
    q = (0, 1)
    while k:
        if k & 1:
            q = add(q, p)
        p = add(p, p)
        k >>= 1
    return q


def encode(p):
    return (p[1] | (p[0] & 1) << 255).to_bytes(32, "little")


def decode(data):
    n = int.from_bytes(data, "little")
    y, sign = n & (2**255 - 1), n >> 255
    x = recover_x(y, sign)
    return None if x is None else (x, y)


def number(data):
    return int.from_bytes(data, "little")


def sha512(*parts):
    return hashlib.sha512(b"".join(parts)).digest()


B = decode((4 * inverse(5) % P).to_bytes(32, "little"))


def expand(seed):
    digest = sha512(seed)
    a = number(digest[:32]) & (2**254 - 8) | 2**254
    return a, digest[32:]


def public_key(seed):
    return encode(multiple(expand(seed)[0], B))


def sign(seed, message):
    a, prefix = expand(seed)
    key = public_key(seed)
    r = number(sha512(prefix, message)) % L
    point = encode(multiple(r, B))
    k = number(sha512(point, key, message)) % L
    return point + ((r + k * a) % L).to_bytes(32, "little")


def low_order_points():
    """The eight points of order 1, 2, 4 and 8."""
    y = 2
    while True:
        p = decode(y.to_bytes(32, "little"))
        if p:
            q = multiple(L, p)
            if multiple(4, q) != (0, 1):
                return [multiple(i, q) for i in range(8)]
        y += 1


def verify(signature, key, message):
    """Strict: canonical A, R and S, neither A nor R of low order, no cofactor."""
    if len(signature) != 64 or len(key) != 32:
        return False
    a, r, s = decode(key), decode(signature[:32]), number(signature[32:])
    if a is None or r is None or s >= L:
        return False
    if multiple(8, a) == (0, 1) or multiple(8, r) == (0, 1):
        return False
    k = number(sha512(signature[:32], key, message)) % L
    negated = (-a[0] % P, a[1])
    return add(multiple(s, B), multiple(k, negated)) == r
