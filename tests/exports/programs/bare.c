/* A program without any library, which shows that the network needs none. */
#include "network.h"

uint8_t pixels[NETWORK_PIXELS];
int32_t scores[NETWORK_CLASSES];
volatile int answer;

void _start(void);
void _start(void)
{
    for (;;)
        answer = network_predict(pixels, scores);
}
