import { testShortBoot } from './harness/short-boot.ts';

testShortBoot('6.1');
