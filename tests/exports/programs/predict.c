/* Reads images from standard input; writes, for each, its class and its scores, all 32-bit. */
#include <stdio.h>

#include "network.h"

int main(void)
{
    static uint8_t pixels[NETWORK_PIXELS];
    int32_t numbers[1 + NETWORK_CLASSES];
    while (fread(pixels, 1, sizeof pixels, stdin) == sizeof pixels) {
        numbers[0] = network_predict(pixels, numbers + 1);
        if (mlplab_predict(pixels, 0) != numbers[0])
            return 1;
        fwrite(numbers, sizeof numbers[0], 1 + NETWORK_CLASSES, stdout);
    }
    return 0;
}
