package dev.tenon.engine.op;

import dev.tenon.engine.Tensor;

/**
 * The transpose of a convolution as a layer of its own (upsampling): x [B, C, H, W] and weight [C, out/groups, kh, kw] give
 * [B, out, H', W'] with {@code H' = (H − 1)·stride − 2·pad + dilation·(kh − 1) + outputPad + 1}.
 *
 * @param conv the convolution that is transposed, without bias
 */
public record ConvTranspose2d(Conv2d conv, int outputPadH, int outputPadW) {
  /** Without bias where {@code bias} is null, else bias is [out]. */
  public Tensor apply(Tensor x, Tensor weight, Tensor bias) {
    long height = (x.dim(2) - 1) * conv.strideH() - 2L * conv.padH() + conv.dilationH() * (weight.dim(2) - 1) + outputPadH + 1;
    long width = (x.dim(3) - 1) * conv.strideW() - 2L * conv.padW() + conv.dilationW() * (weight.dim(3) - 1) + outputPadW + 1;
    Tensor y = new Conv2dGradInput(conv.unbiased(), (int) height, (int) width).apply(x, weight);
    return bias == null ? y : y.add(bias.reshape(-1, 1, 1));
  }
}
